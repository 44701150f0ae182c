/* SPDX-License-Identifier: Apache-2.0
 * `ganglion sim oracle`: what it prints and counts, and the recorded decisions of the real
 * kube-scheduler, if that data set is here: $GANGLION_SHARED/data/kube-scheduler-1.36, or ../shared
 * beside the source tree. */
#include "sim/oracle_files.h"

#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/file.h"
#include "testkit/check.h"

#define NODE                                                                                       \
    "{\"metadata\":{\"name\":\"n0\",\"labels\":{\"kubernetes.io/hostname\":\"n0\"}},"              \
    "\"status\":{\"allocatable\":{\"cpu\":\"2\",\"memory\":\"4Gi\",\"pods\":\"10\"}}}"
#define POD(cpu)                                                                                   \
    "{\"metadata\":{\"name\":\"new\",\"namespace\":\"a\"},\"spec\":{\"containers\":[{\"name\":"    \
    "\"c\",\"resources\":{\"requests\":{\"cpu\":\"" cpu "\"}}}]}}"
#define CASE(id, cpu, answer)                                                                      \
    "{\"id\":\"" id "\",\"topic\":\"fit\",\"nodes\":[" NODE                                        \
    "],\"pods\":[],\"pod\":" POD(cpu) ",\"expect\":{\"prefilter\":null,\"nodes\":{\"n0\":" answer  \
                                      "}}}\n"
#define TOO_MUCH                                                                                   \
    "{\"ok\":false,\"plugin\":\"NodeResourcesFit\",\"code\":\"UnschedulableAndUnresolvable\","     \
    "\"reasons\":[\"Insufficient cpu\"]}"
#define TAINTED                                                                                    \
    "{\"ok\":false,\"plugin\":\"TaintToleration\",\"code\":\"UnschedulableAndUnresolvable\","      \
    "\"reasons\":[\"node(s) had untolerated taint(s)\"]}"

static char *replay(const struct str *paths, size_t n, size_t *failed)
{
    char *text = NULL;
    size_t bytes;
    struct err err = { 0 };
    FILE *out = open_memstream(&text, &bytes);
    CHECK_OK(sim_oracle_files(out, paths, n, failed, &err), err);
    fclose(out);
    return text;
}

static char *replay_text(struct str text, size_t *failed)
{
    char path[] = "/tmp/ganglion-oracle-XXXXXX";
    struct err err = { 0 };
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    CHECK_OK(file_write_atomic(path, text, 0600, &err), err);
    struct str p = str_from(path);
    char *out = replay(&p, 1, failed);
    unlink(path);
    return out;
}

static void differences_are_shown_and_counted(void **state)
{
    (void)state;
    size_t failed = 0;
    char *out = replay_text(STR(CASE("right", "3", TOO_MUCH)), &failed);
    CHECK_CSTR(out, "fit                          1/1\n1 passed, 0 failed\n");
    CHECK_I64(failed, 0);
    free(out);
    out = replay_text(STR(CASE("right", "3", TOO_MUCH) CASE("wrong", "3", TAINTED)), &failed);
    CHECK_CSTR(out, "fit                          1/2\n"
                    "  wrong: node n0: got NodeResourcesFit UnschedulableAndUnresolvable "
                    "[Insufficient cpu], want " TAINTED "\n"
                    "1 passed, 1 failed\n");
    CHECK_I64(failed, 1);
    free(out);
}

static void lines_that_are_no_case_fail(void **state)
{
    (void)state;
    size_t failed = 0;
    char *out = replay_text(STR(CASE("right", "3", TOO_MUCH) "\n{oops\n{}\n"), &failed);
    CHECK_I64(failed, 2);
    CHECK(strstr(out, "(not JSON)") != NULL);
    CHECK(strstr(out, "line 3: ") != NULL);
    free(out);
    struct err err = { 0 };
    CHECK_I64(sim_oracle_files(stdout, &STR("/nonexistent"), 1, &failed, &err), -1);
    CHECK_I64(err.kind, ERR_NOT_FOUND);
}

/* All files that match agree; skips when there are none. */
static void check_files(const char *pattern)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) != 0) {
        print_message("no %s: nothing to compare with\n", pattern);
        skip();
    }
    struct str *paths = mem_alloc_array(found.gl_pathc, sizeof *paths);
    for (size_t i = 0; i < found.gl_pathc; i++)
        paths[i] = str_from(found.gl_pathv[i]);
    size_t failed = 0;
    char *out = replay(paths, found.gl_pathc, &failed);
    print_message("%s", out);
    CHECK_I64(failed, 0);
    free(out);
    free(paths);
    globfree(&found);
}

static void recorded_decisions_all_agree(void **state)
{
    (void)state;
    const char *shared = getenv("GANGLION_SHARED");
    char pattern[512];
    snprintf(pattern, sizeof pattern, "%s/data/kube-scheduler-1.36/*.jsonl.gz",
             shared ? shared : GANGLION_SOURCE_ROOT "/../shared");
    check_files(pattern);
}

/* Made by tools/oracle/volumes. */
static void recorded_volumes_all_agree(void **state)
{
    (void)state;
    check_files(GANGLION_SOURCE_ROOT "/src/sim/test/data/*.jsonl.gz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences_are_shown_and_counted),
        cmocka_unit_test(lines_that_are_no_case_fail),
        cmocka_unit_test(recorded_decisions_all_agree),
        cmocka_unit_test(recorded_volumes_all_agree),
    };
    return CHECK_MAIN(tests);
}
