/* SPDX-License-Identifier: Apache-2.0
 * podvolumes — the folders behind a pod's volumes: DIR/volumes/NAME holds what a configMap, secret,
 * downwardAPI or projected volume says, and is an empty folder for emptyDir; hostPath is checked
 * and made where its type says so. Blocking, small. */
#pragma once

#include "node/pod/podspec.h"

/* Makes all volumes. -1 with *trouble: the reason is that of a FailedMount event. */
int podvolumes_make(struct arena *a, const struct podspec *s, struct podspec_trouble *trouble);
/* Brings the volumes that come from the API up to date while containers see them; one that cannot
 * be keeps what it shows. -1 with the first *trouble. */
int podvolumes_refresh(struct arena *a, const struct podspec *s, struct podspec_trouble *trouble);
