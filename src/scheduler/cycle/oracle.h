/* SPDX-License-Identifier: Apache-2.0
 * oracle — replays one recorded decision of the real kube-scheduler (a line of JSON: cluster, pod,
 * and the real plugins' verdicts, reasons and scores per node) against our plugins, and says where
 * they differ. Serves the parity test and `ganglion sim oracle`. Pure. */
#pragma once

#include "base/buf.h"
#include "codec/json.h"

/* True when everything agrees; otherwise the first difference is appended to diff. */
bool oracle_replay(struct json test_case, struct buf *diff);
