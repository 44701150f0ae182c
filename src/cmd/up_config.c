/* SPDX-License-Identifier: Apache-2.0
 * up_config — see up_config.h. ROWS lists the settings; it is expanded once into fields of the
 * configuration file and once into options of the command line. */
#include "cmd/up_config.h"

#include <assert.h>

#include "base/buf.h"
#include "io/file.h"
#include "sim/sim_file.h"

#define CONFIG_BYTES_LIMIT ((size_t)1 << 20)
#define PAGE_BYTES_MAX ((size_t)1 << 20)

/* R(kind, member, key, value in help, default, help). Macros, because both tables are constant
 * arrays and must not drift apart. */
#define SERVER_ROWS(R)                                                                             \
    R(STR, data_dir, "data-dir", "DIR", "",                                                        \
      "where everything is kept; default below $XDG_STATE_HOME")                                   \
    R(STR, listen, "listen", "ADDRESS:PORT", "127.0.0.1:6443",                                     \
      "where the API listens; port 0: any")                                                        \
    R(BOOL, allow_remote, "allow-remote", NULL, "false", "allow listening beyond loopback")        \
    R(STR, kubeconfig, "kubeconfig", "FILE", "",                                                   \
      "written when ready, mode 0600; default DATA-DIR/kubeconfig")                                \
    R(STR, enable_admission, "enable-admission-plugins", "LIST", "",                               \
      "comma-separated, beside the defaults")                                                      \
    R(STR, disable_admission, "disable-admission-plugins", "LIST", "", "comma-separated")          \
    R(STR, log_format, "log-format", "text|json", "text", "of the log on standard error")          \
    R(BOOL, verbose, "verbose", NULL, "false", "log what is done in detail")

#define UP_ROWS(R)                                                                                 \
    R(STRS, sim_nodes, "sim-nodes", "N[:SHAPE]|FILE", NULL,                                        \
      "add simulated nodes: so many of a shape (gpu8, gpu8-claims, gpu4, cpu, small), or as a "    \
      "file says")                                                                                 \
    R(BOOL, no_local_node, "no-local-node", NULL, "false", "run no pods on this machine")          \
    R(BOOL, end_pods, "end-pods", NULL, "false",                                                   \
      "end the local pods when stopping; they run on otherwise")                                   \
    R(STR, node_name, "node-name", "NAME", "", "of the local node; default: the host name")        \
    R(I64, gpus, "gpus", "N", "-1", "GPUs of the local node; -1: those that the driver finds")     \
    R(COUNT, max_pods, "max-pods", "N", "250", "most pods on the local node")                      \
    R(BYTES, log_bytes, "pod-log-size", "SIZE", "10Mi", "of a pod's log before it rotates")        \
    R(COUNT, log_files, "pod-log-files", "N", "5", "logs kept of each container")                  \
    R(LISTS, images, "images", "IMAGE=WORD,WORD", NULL,                                            \
      "what the local node runs for an image when the container has no command")                   \
    R(STR, pod_network, "pod-network", "host|namespace", "host",                                   \
      "network of local pods: the machine's, or one of their own (needs root)")                    \
    R(STR, scheduler_config, "scheduler-config", "FILE", "", "a KubeSchedulerConfiguration")       \
    R(STR, record, "record", "FILE", "",                                                           \
      "add all that the scheduler hears and decides to this file, for ganglion sim replay")        \
    R(STRS, scheduler_plugins, "scheduler-plugins", "FILE", NULL,                                  \
      "a shared library with a scheduler plugin, which --scheduler-config enables")

/* ---- rows of the file ---- */

#define AS_FIELD(kind, m, k, v, f, h)                                                              \
    CONFIG_ROW(struct up_config, m, CONFIG_TYPE_##kind, k, f, h, LIMITS_##kind),
#define LIMITS_STR .choices = NULL
#define LIMITS_BOOL .choices = NULL
#define LIMITS_STRS .choices = NULL
#define LIMITS_LISTS .choices = NULL
#define LIMITS_I64 .min = -1, .max = 100000
#define LIMITS_COUNT .min = 1, .max = 100000
#define CONFIG_TYPE_COUNT CONFIG_TYPE_I64
#define LIMITS_BYTES .min = 4096, .max = INT64_C(1) << 40

static const struct config_field fields[] = { SERVER_ROWS(AS_FIELD) UP_ROWS(AS_FIELD) };
#define COUNT_ROW(...) +1
enum { SERVER_COUNT = 0 SERVER_ROWS(COUNT_ROW), UP_COUNT = COUNT_OF(fields) };
static_assert(SERVER_COUNT + 1 == APISERVER_OPTIONS && UP_COUNT + 1 == UP_OPTIONS,
              "up_config.h says how many options there are");

const struct config_table apiserver_config_table = { fields, SERVER_COUNT };
const struct config_table up_config_table = { fields, COUNT_OF(fields) };

/* ---- rows of the command line ---- */

#define AS_OPTION(kind, m, k, v, f, h)                                                             \
    { .name = k,                                                                                   \
      .type = OPTION_##kind,                                                                       \
      .value = v,                                                                                  \
      .fallback = f,                                                                               \
      .help = h,                                                                                   \
      .repeats = REPEATS_##kind },
/* Values are checked by the configuration's own rules; the command line only tells flags apart. */
#define OPTION_STR OPTION_TEXT
#define OPTION_BOOL OPTION_FLAG
#define OPTION_STRS OPTION_TEXT
#define OPTION_LISTS OPTION_TEXT
#define OPTION_I64 OPTION_NUMBER
#define OPTION_COUNT OPTION_NUMBER
#define OPTION_BYTES OPTION_TEXT
#define REPEATS_STR false
#define REPEATS_BOOL false
#define REPEATS_STRS true
#define REPEATS_LISTS true
#define REPEATS_I64 false
#define REPEATS_COUNT false
#define REPEATS_BYTES false
#define CONFIG_OPTION                                                                              \
    { .name = "config",                                                                            \
      .type = OPTION_TEXT,                                                                         \
      .value = "FILE",                                                                             \
      .fallback = "",                                                                              \
      .help = "YAML; its keys are the options below" },

const struct option apiserver_options[APISERVER_OPTIONS] = { CONFIG_OPTION SERVER_ROWS(AS_OPTION) };
const struct option up_options[UP_OPTIONS] = { CONFIG_OPTION SERVER_ROWS(AS_OPTION)
                                                   UP_ROWS(AS_OPTION) };

/* ---- reading ---- */

static int read_file(struct up_config *out,
                     const struct config_table *t,
                     struct arena *a,
                     struct str path,
                     struct err *err)
{
    struct buf text;
    buf_init(&text, CONFIG_BYTES_LIMIT);
    int rc = file_read(&text, arena_str(a, path).p, err);
    if (rc == 0)
        rc = config_read(out, t, a, buf_view(&text), err);
    buf_fini(&text);
    return rc == 0 ? 0 : err_wrap(err, "%.*s", STR_ARG(path));
}

/* A list that is given several times is one list; names of a mapping add up. */
static struct str given(struct arena *a, const struct args *args, const struct config_field *f)
{
    struct str all = args_text_at(args, f->key, 0);
    for (size_t i = 1; i < args_count(args, f->key); i++)
        all = arena_printf(a, "%.*s,%.*s", STR_ARG(all), STR_ARG(args_text_at(args, f->key, i)));
    return f->type == CONFIG_TYPE_STRS ? all : args_text(args, f->key);
}

static int override(struct up_config *out,
                    const struct config_table *t,
                    struct arena *a,
                    const struct args *args,
                    struct err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct config_field *f = &t->fields[i];
        size_t n = args_count(args, f->key);
        bool each = f->type == CONFIG_TYPE_LISTS;
        for (size_t k = 0; k < (each || n == 0 ? n : 1); k++) {
            struct str value = each ? args_text_at(args, f->key, k) : given(a, args, f);
            struct str flag = arena_printf(a, "--%s=%.*s", f->key, STR_ARG(value));
            if (config_override(out, t, a, flag, err) != 0)
                return -1;
        }
    }
    return 0;
}

int up_config_read(struct up_config *out,
                   const struct config_table *t,
                   struct arena *a,
                   const struct args *args,
                   struct err *err)
{
    struct up_config c = { 0 };
    struct str path = args_text(args, "config");
    config_defaults(&c, t, a);
    if (path.n && read_file(&c, t, a, path, err) != 0)
        return -1;
    if (override(&c, t, a, args, err) != 0)
        return -1;
    *out = c;
    return 0;
}

/* ---- the reference page ---- */

void up_config_page(FILE *out)
{
    struct buf b;
    buf_init(&b, PAGE_BYTES_MAX);
    buf_str(&b,
            STR("# Configuration\n\nThis page is made by `ganglion reference config`; do not "
                "edit it.\n\n`ganglion up --config FILE` reads one YAML mapping. Each key is "
                "also an option of the command line, which goes before the file. An unknown key "
                "is an error. `ganglion apiserver` takes the keys down to `verbose`.\n\n"));
    config_reference(&b, &up_config_table);
    buf_str(&b, STR("\n```yaml\nlisten: 127.0.0.1:7443\nlog-format: json\nsim-nodes: [\"16\", "
                    "\"nodes.yaml\"]\nimages:\n  busybox: [/bin/busybox]\n  \"model:1.2\": "
                    "[/usr/bin/python3, -m, model]\n```\n\n"
                    "Images are not pulled: a container without `command` runs what `images` names "
                    "for its image, with the container's own `args` behind. A name without a tag "
                    "matches every tag.\n\n## Simulated nodes\n\n`--sim-nodes FILE.yaml` reads a "
                    "mapping with the key `nodes`: a list of groups of nodes that are alike.\n\n"));
    config_reference(&b, &sim_group_table);
    buf_str(&b, STR("\n```yaml\nnodes:\n  - {prefix: big-, count: 4, shape: gpu8, labels: "
                    "{topology.kubernetes.io/zone: a}}\n  - names: [edge]\n    shape: small\n    "
                    "cpus: 8\n    memory: 32Gi\n    taints: [\"edge=yes:NoSchedule\"]\n```\n"));
    fwrite(b.p, 1, b.n, out);
    buf_fini(&b);
}
