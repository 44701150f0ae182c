/* SPDX-License-Identifier: Apache-2.0
 * What the files of the snapshot share; nobody else includes this. */
#pragma once

#include "scheduler/state/pod.h"

void snapshot_class_join(struct snapshot *s, struct snode *n);
void snapshot_class_leave(struct snapshot *s, struct snode *n);
void snapshot_classes_fini(struct snapshot *s);
/* Takes (sign 1) or gives back (-1) the devices and cell shares that the pod's words name. */
void snapshot_charge_devices(struct snapshot *s, struct snode *n, struct spod *p, int sign);
