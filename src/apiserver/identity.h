/* SPDX-License-Identifier: Apache-2.0
 * identity — the server's CA, certificate and administrator token, and the kubeconfig that carries
 * them. The CA and the token are kept in the data directory, readable by the owner only. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct apiserver;

/* Loads or makes the CA and the token. */
int identity_load(struct apiserver *s, const char *data_dir, struct err *err);
/* A certificate for this start and address, and the TLS context. */
int identity_server(struct apiserver *s, struct str address, struct err *err);
