/* SPDX-License-Identifier: BSD-3-Clause */
#include "bfd/packet.h"

#include <string.h>

#include <md5.h>
#include <sha1.h>

#include <rte_byteorder.h>

/*
 * The digests of libmd work on memory of the caller, so that a worker may use them.
 */
enum {
	FLAG_POLL = 0x20,
	FLAG_FINAL = 0x10,
	FLAG_INDEPENDENT = 0x08,
	FLAG_AUTHENTICATED = 0x04,
	FLAG_DEMAND = 0x02,
	FLAG_MULTIPOINT = 0x01,
	AUTH_HEADER = 3,      // of a password
	AUTH_SEQUENCE_AT = 4, // in the section of a digest
	AUTH_DIGEST_AT = 8,
	AUTH_LENGTH_MD5 = 24,
	AUTH_LENGTH_SHA1 = 28,
	PASSWORD_MAX = 16,
};

const char *bfd_state_name(enum bfd_state state)
{
	static const char *const names[] = {"admin-down", "down", "init", "up"};

	return names[state & 3];
}

const char *bfd_diagnostic_name(uint8_t diagnostic)
{
	static const char *const names[] = {
		"no diagnostic",
		"control detection time expired",
		"echo function failed",
		"neighbour signalled session down",
		"forwarding plane reset",
		"path down",
		"concatenated path down",
		"administratively down",
		"reverse concatenated path down",
	};

	return diagnostic < sizeof(names) / sizeof(*names) ? names[diagnostic] : "unknown";
}

const char *bfd_wrong_name(enum bfd_wrong wrong)
{
	static const char *const names[] = {
		"fine",
		"shorter than a control packet",
		"not version 1",
		"its length is not that of the datagram",
		"detection multiplier 0",
		"multipoint",
		"my discriminator is 0",
		"your discriminator is 0 in a state that needs one",
		"authentication failed",
		"an old sequence number",
	};

	return names[wrong];
}

static uint32_t word_read(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, 4);
	return rte_be_to_cpu_32(word);
}

static void word_write(uint8_t *at, uint32_t word)
{
	word = rte_cpu_to_be_32(word);
	memcpy(at, &word, 4);
}

/* Does the authentication section, if there is one, fill the rest of the packet? */
static bool auth_fits(const uint8_t *bytes)
{
	unsigned int rest = bytes[3] - BFD_HEADER;

	if (!(bytes[1] & FLAG_AUTHENTICATED))
		return true;
	return rest >= AUTH_HEADER && bytes[BFD_HEADER + 1] == rest;
}

enum bfd_wrong bfd_packet_decode(const uint8_t *bytes, unsigned int length, struct bfd_packet *out)
{
	if (length < BFD_HEADER)
		return BFD_WRONG_SHORT;
	if (bytes[0] >> 5 != BFD_VERSION)
		return BFD_WRONG_VERSION;
	if (bytes[3] < BFD_HEADER || bytes[3] > length || !auth_fits(bytes))
		return BFD_WRONG_LENGTH;
	if (bytes[2] == 0)
		return BFD_WRONG_MULTIPLIER;
	if (bytes[1] & FLAG_MULTIPOINT)
		return BFD_WRONG_MULTIPOINT;
	*out = (struct bfd_packet){
		.state = bytes[1] >> 6,
		.diagnostic = bytes[0] & 0x1f,
		.poll = bytes[1] & FLAG_POLL,
		.final = bytes[1] & FLAG_FINAL,
		.independent = bytes[1] & FLAG_INDEPENDENT,
		.authenticated = bytes[1] & FLAG_AUTHENTICATED,
		.demand = bytes[1] & FLAG_DEMAND,
		.multiplier = bytes[2],
		.my_discriminator = word_read(bytes + 4),
		.your_discriminator = word_read(bytes + 8),
		.min_transmit = word_read(bytes + 12),
		.min_receive = word_read(bytes + 16),
		.min_echo_receive = word_read(bytes + 20),
	};
	if (out->my_discriminator == 0)
		return BFD_WRONG_MY_DISCRIMINATOR;
	if (out->your_discriminator == 0 && (out->state == BFD_INIT || out->state == BFD_UP))
		return BFD_WRONG_YOUR_DISCRIMINATOR;
	return BFD_FINE;
}

unsigned int bfd_packet_encode(const struct bfd_packet *p, uint8_t bytes[static BFD_LENGTH_MAX])
{
	memset(bytes, 0, BFD_LENGTH_MAX);
	bytes[0] = BFD_VERSION << 5 | (p->diagnostic & 0x1f);
	bytes[1] = p->state << 6 | (p->poll ? FLAG_POLL : 0) | (p->final ? FLAG_FINAL : 0) |
		   (p->independent ? FLAG_INDEPENDENT : 0) | (p->demand ? FLAG_DEMAND : 0);
	bytes[2] = p->multiplier;
	bytes[3] = BFD_HEADER;
	word_write(bytes + 4, p->my_discriminator);
	word_write(bytes + 8, p->your_discriminator);
	word_write(bytes + 12, p->min_transmit);
	word_write(bytes + 16, p->min_receive);
	word_write(bytes + 20, p->min_echo_receive);
	return BFD_HEADER;
}

static bool auth_is_sha1(uint8_t type)
{
	return type == BFD_AUTH_SHA1 || type == BFD_AUTH_SHA1_METICULOUS;
}

/* The digest of the whole packet, which holds the secret in the place of the digest. */
static void auth_digest(uint8_t type, const uint8_t *bytes, uint8_t digest[BFD_SECRET_MAX])
{
	if (auth_is_sha1(type)) {
		SHA1_CTX context;

		SHA1Init(&context);
		SHA1Update(&context, bytes, bytes[3]);
		SHA1Final(digest, &context);
	} else {
		MD5_CTX context;

		MD5Init(&context);
		MD5Update(&context, bytes, bytes[3]);
		MD5Final(digest, &context);
	}
}

static unsigned int auth_digest_length(uint8_t type)
{
	return (auth_is_sha1(type) ? AUTH_LENGTH_SHA1 : AUTH_LENGTH_MD5) - AUTH_DIGEST_AT;
}

unsigned int bfd_auth_sign(const struct bfd_key *key, uint32_t sequence,
			   uint8_t bytes[static BFD_LENGTH_MAX])
{
	uint8_t *section = bytes + BFD_HEADER, digest[BFD_SECRET_MAX];
	unsigned int size;

	if (key->type == BFD_AUTH_NONE)
		return BFD_HEADER;
	bytes[1] |= FLAG_AUTHENTICATED;
	section[0] = key->type;
	section[2] = key->id;
	if (key->type == BFD_AUTH_PASSWORD) {
		section[1] = AUTH_HEADER + key->length;
		bytes[3] = BFD_HEADER + section[1];
		memcpy(section + AUTH_HEADER, key->secret, key->length);
		return bytes[3];
	}
	size = auth_digest_length(key->type);
	section[1] = AUTH_DIGEST_AT + size;
	bytes[3] = BFD_HEADER + section[1];
	word_write(section + AUTH_SEQUENCE_AT, sequence);
	memcpy(section + AUTH_DIGEST_AT, key->secret, size);
	auth_digest(key->type, bytes, digest);
	memcpy(section + AUTH_DIGEST_AT, digest, size);
	return bytes[3];
}

/* Equal, in a time that does not say where they differ. */
static bool bytes_equal(const uint8_t *a, const uint8_t *b, unsigned int length)
{
	uint8_t differ = 0;

	for (unsigned int i = 0; i < length; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

enum bfd_wrong bfd_auth_check(const struct bfd_key *key, uint8_t *bytes, uint32_t *sequence)
{
	uint8_t *section = bytes + BFD_HEADER, given[BFD_SECRET_MAX], digest[BFD_SECRET_MAX];
	bool authenticated = bytes[1] & FLAG_AUTHENTICATED;
	unsigned int size;

	if (!key || key->type == BFD_AUTH_NONE)
		return authenticated ? BFD_WRONG_AUTH : BFD_FINE;
	if (!authenticated || section[0] != key->type || section[2] != key->id)
		return BFD_WRONG_AUTH;
	if (key->type == BFD_AUTH_PASSWORD)
		return section[1] == AUTH_HEADER + key->length &&
				       bytes_equal(section + AUTH_HEADER, key->secret, key->length)
			       ? BFD_FINE
			       : BFD_WRONG_AUTH;
	size = auth_digest_length(key->type);
	if (section[1] != AUTH_DIGEST_AT + size)
		return BFD_WRONG_AUTH;
	*sequence = word_read(section + AUTH_SEQUENCE_AT);
	memcpy(given, section + AUTH_DIGEST_AT, size);
	memcpy(section + AUTH_DIGEST_AT, key->secret, size);
	auth_digest(key->type, bytes, digest);
	memcpy(section + AUTH_DIGEST_AT, given, size);
	return bytes_equal(given, digest, size) ? BFD_FINE : BFD_WRONG_AUTH;
}
