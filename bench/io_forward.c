/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ceiling: what arrives at one port leaves by the other, untouched, in batches of the size that
 * weir uses. What is left of weir's cycles after subtracting these is weir's own work.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

enum { BATCH = 64, BUFFERS = 16383, CACHE = 256, DESCRIPTORS = 1024, IDLE_ROUNDS = 1000 };

static volatile sig_atomic_t forward_stop;

static void forward_stopped(int number)
{
	forward_stop = 1;
}

static uint16_t forward_batch(uint16_t from, uint16_t to)
{
	struct rte_mbuf *packets[BATCH];
	const uint16_t count = rte_eth_rx_burst(from, 0, packets, BATCH);
	uint16_t sent;

	if (count == 0)
		return 0;
	sent = rte_eth_tx_burst(to, 0, packets, count);
	if (unlikely(sent < count))
		rte_pktmbuf_free_bulk(packets + sent, count - sent);
	return count;
}

static void forward_open(uint16_t port, struct rte_mempool *pool)
{
	const struct rte_eth_conf config = {0};

	if (rte_eth_dev_configure(port, 1, 1, &config) != 0 ||
	    rte_eth_rx_queue_setup(port, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL, pool) != 0 ||
	    rte_eth_tx_queue_setup(port, 0, DESCRIPTORS, SOCKET_ID_ANY, NULL) != 0 ||
	    rte_eth_dev_start(port) != 0)
		rte_exit(EXIT_FAILURE, "io_forward: port %u does not start\n", port);
}

int main(int argc, char **argv)
{
	struct rte_mempool *pool;
	unsigned int idle = 0;

	if (rte_eal_init(argc, argv) < 0)
		rte_exit(EXIT_FAILURE, "io_forward: no DPDK\n");
	if (rte_eth_dev_count_avail() != 2)
		rte_exit(EXIT_FAILURE, "io_forward: two ports are needed\n");
	pool = rte_pktmbuf_pool_create("io_forward", BUFFERS, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "io_forward: no buffers\n");
	for (uint16_t port = 0; port < 2; port++)
		forward_open(port, pool);
	signal(SIGTERM, forward_stopped);
	signal(SIGINT, forward_stopped);
	while (!forward_stop) {
		idle = forward_batch(0, 1) + forward_batch(1, 0) ? 0 : idle + 1;
		if (idle > IDLE_ROUNDS)
			usleep(1000);
	}
	for (uint16_t port = 0; port < 2; port++) {
		rte_eth_dev_stop(port);
		rte_eth_dev_close(port);
	}
	rte_mempool_free(pool);
	rte_eal_cleanup();
	return EXIT_SUCCESS;
}
