/* SPDX-License-Identifier: Apache-2.0
 * protocol — what the executor and a pod's shim say to one another. Used by both sides.
 *
 * A pod directory holds
 *   spec                  what to run: pairs "key\0value\0" (spec.h), written by the executor
 *   spec.NAME             what to run when container NAME starts again, if that has changed
 *   shim.pid              "PID STARTTIME\n" (field 22 of /proc/PID/stat), written by the shim
 *   sock                  unix SOCK_SEQPACKET, one controller at a time; a newer one replaces it
 *   exits/NAME.ATTEMPT    how a run of a container ended: the fields of a state message, by spaces
 *   logs/NAME/ATTEMPT.log (and .log.1, .log.2, … older) in the CRI format
 *
 * A message is one packet of fields, each ended by a NUL; numbers are decimal. The first controller
 * connection is descriptor SHIM_CONTROL_FD at the start.
 *
 * To the shim:
 *   prepare I ATTEMPT       fork container I, set it up, hold it before exec
 *   release                 let every held container exec
 *   start I ATTEMPT         prepare, and release it alone
 *   signal I SIGNO          to the main process;  9 goes to the whole process group
 *   probe TOKEN TIMEOUT_MS exec I ARGV…
 *   probe TOKEN TIMEOUT_MS tcp ADDRESS PORT
 *   probe TOKEN TIMEOUT_MS http ADDRESS PORT PATH HEADER…   ("Name: value")
 *   probe TOKEN TIMEOUT_MS sleep SECONDS                    (a lifecycle hook's)
 *   quit                    kill everything, wait for it, exit
 *
 * From the shim, after connecting one state per container that was ever prepared, then "ready":
 *   state I ATTEMPT PHASE PID CODE SIGNAL STARTED_NS FINISHED_NS MESSAGE
 *   probe TOKEN CODE OUTPUT (0 success; 1..255 failure; -1 timed out)
 *   warning TEXT            once, to the first controller: something was done in a lesser way
 *   ready */
#pragma once

#define SHIM_CONTROL_FD 3
#define SHIM_MESSAGE_MAX 65536
#define SHIM_FIELDS_MAX 256
#define SHIM_CONTAINERS_MAX 64
#define SHIM_PROBE_OUTPUT_MAX 1024
#define SHIM_PROBE_HTTP_STATUS 22 /* the probe's code when there was an answer, of a bad status */

/* Words of PHASE. A container that could not be set up or executed is "failed": it never ran. */
#define SHIM_PREPARING "preparing"
#define SHIM_PREPARED "prepared"
#define SHIM_RUNNING "running"
#define SHIM_EXITED "exited"
#define SHIM_FAILED "failed"
