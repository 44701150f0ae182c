/* SPDX-License-Identifier: Apache-2.0
 * kubeconfig — where the API is and who we are, from the file that kubectl uses
 * (client.authentication.k8s.io Config v1): clusters, users, contexts; certificates and keys inline
 * or in files, tokens and token files. Blocking; for start-up. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "client/rest.h"

struct kubeconfig { /* texts live in the arena */
    struct rest_options rest;
    struct str namespace; /* of the context; "default" when it names none */
    struct str context;
};

/* Where `ganglion up` keeps everything by default: $XDG_STATE_HOME/ganglion, or
 * ~/.local/state/ganglion (XDG Base Directory Specification: a relative one does not count). */
struct str kubeconfig_state_dir(struct arena *a);

/* The file to read: explicit, else the first existing of $KUBECONFIG, ~/.kube/config, and the one
 * that `ganglion up` writes by default. ERR_NOT_FOUND says what was looked for. */
int kubeconfig_path(struct str *out, struct arena *a, struct str explicit, struct err *err);

/* context: absent: the file's current-context. ERR_INVALID names the entry that is missing. */
int kubeconfig_read(struct kubeconfig *out,
                    struct arena *a,
                    struct str path,
                    struct str context,
                    struct err *err);
