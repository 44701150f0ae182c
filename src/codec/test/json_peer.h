/* SPDX-License-Identifier: Apache-2.0
 * json_peer — a document as jansson reads it, in a text that json_peer_test.c can also make from
 * ours. A file of its own, because both libraries call things json_type. */
#pragma once

#include "base/buf.h"

enum peer_answer { PEER_OK, PEER_REFUSED, PEER_CANNOT /* valid JSON that jansson cannot hold */ };

/* Integers as %lld, other numbers as %.17g, strings as length and bytes. */
enum peer_answer json_peer_read(struct buf *out, struct str text);
