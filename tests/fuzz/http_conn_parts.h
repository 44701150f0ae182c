/* SPDX-License-Identifier: Apache-2.0
 * http_conn_parts — changes an input of the http_conn target part by part: frames of HTTP/2, lines
 * and chunks of HTTP/1. Bytes changed at random seldom leave a frame whole. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One change that the seed picks: a part from the table is put in, or one is dropped, repeated,
 * moved, sent on another stream or given another flag. Returns the new length; more than max is
 * never made. */
size_t http_conn_parts_change(uint8_t *data, size_t n, size_t max, uint32_t seed);
