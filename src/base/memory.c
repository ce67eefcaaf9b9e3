/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/memory.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

enum { HUGE_PAGE = 2 << 20 };

int memory_map(struct memory *m, const char *name, size_t bytes, enum memory_pages pages)
{
	size_t slack = HUGE_PAGE;
	uintptr_t start;
	char label[64];

	m->bytes = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	m->base = MAP_FAILED;
	m->huge = false;
	if (pages == MEMORY_HUGE) {
		// Reserved as a whole now, so that a touch later can not fail (it would be a SIGBUS).
		m->base = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		m->huge = m->base != MAP_FAILED;
	}
	if (m->base == MAP_FAILED) {
		// Aligned to a huge page by hand, so that transparent huge pages can cover all of it.
		char *raw = mmap(NULL, m->bytes + slack, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (raw == MAP_FAILED)
			return -ENOMEM;
		start = ((uintptr_t)raw + slack - 1) / slack * slack;
		if (start > (uintptr_t)raw)
			munmap(raw, start - (uintptr_t)raw);
		munmap((char *)start + m->bytes, (uintptr_t)raw + slack - start);
		m->base = (void *)start;
		madvise(m->base, m->bytes, pages == MEMORY_SMALL ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	}
	snprintf(label, sizeof(label), "weir:%s", name);
	// Kernels before 5.17 refuse; the name is only for people.
	prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, m->base, m->bytes, label);
	return 0;
}

void memory_unmap(struct memory *m)
{
	if (m->base)
		munmap(m->base, m->bytes);
	m->base = NULL;
}
