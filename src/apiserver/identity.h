/* SPDX-License-Identifier: Apache-2.0
 * identity — the server's CA, certificate and administrator token, the kubeconfig that carries
 * them, and the key that signs the tokens of service accounts. CA, token and key are kept in the
 * data directory, readable by the owner only. */
#pragma once

#include "base/err.h"
#include "base/str.h"

struct apiserver;

/* Loads or makes the CA and the token. */
int identity_load(struct apiserver *s, const char *data_dir, struct err *err);
/* A certificate for this start and address, and the TLS context. */
int identity_server(struct apiserver *s, struct str address, struct err *err);
