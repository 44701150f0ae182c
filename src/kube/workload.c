/* SPDX-License-Identifier: Apache-2.0
 * workload — see workload.h. */
#include "kube/workload.h"

#include "kube/pod.h"

const struct workload_defaults workload_defaults[WORKLOADS] = {
    [WORKLOAD_NONE] = { "", WORKLOAD_AS_PROFILE, false, 2, "" },
    [WORKLOAD_TRAINING] = { "training", WORKLOAD_PACKS, true, 1,
                            "packs nodes, one NUMA cell where possible, leaves after batch" },
    [WORKLOAD_INFERENCE] = { "inference", WORKLOAD_SPREADS, true, 4,
                             "spreads over nodes, one NUMA cell where possible, leaves last" },
    [WORKLOAD_BATCH] = { "batch", WORKLOAD_PACKS, true, 0,
                         "packs nodes, one NUMA cell where possible, leaves first" },
    [WORKLOAD_SERVICE] = { "service", WORKLOAD_SPREADS, false, 4,
                           "spreads over nodes, leaves last" },
    [WORKLOAD_INTERACTIVE] = { "interactive", WORKLOAD_SPREADS, false, 3,
                               "spreads over nodes, leaves before services" },
};

/* ---- hints, the most trusted first ---- */

enum where { LABEL, ANNOTATION, OWNER, ENV, IMAGE, GANG };

struct hint {
    enum where in;
    struct str key;    /* of a label; kind of an owner; name of a variable; part of an image */
    const char *words; /* values that count, separated by spaces; NULL: any */
    enum workload means;
    bool grows; /* becomes training in a gang or with several GPUs */
};

#define HINT(in, key, ...)                                                                         \
    {                                                                                              \
        in, STR_INIT(key), __VA_ARGS__                                                             \
    } /* literals only */

#define APP "app.kubernetes.io/name"
#define PART "app.kubernetes.io/component"

static const struct hint hints[] = {
    /* What somebody works with by hand, whatever it runs as. */
    HINT(LABEL, "app.jupyter.org/hub-version", NULL, WORKLOAD_INTERACTIVE),
    HINT(LABEL, "hub.jupyter.org/username", NULL, WORKLOAD_INTERACTIVE),
    HINT(LABEL, "notebook-name", NULL, WORKLOAD_INTERACTIVE), /* Kubeflow's Notebooks */
    HINT(LABEL, "app.rstudio.com/rstudio-server", NULL, WORKLOAD_INTERACTIVE),
    /* Words, not parts of words: KubeNexus takes "provider" for an "ide". */
    HINT(LABEL,
         APP,
         "jupyter jupyterhub jupyterlab notebook rstudio code-server vscode",
         WORKLOAD_INTERACTIVE),
    HINT(OWNER, "Notebook", NULL, WORKLOAD_INTERACTIVE),
    HINT(ENV, "JUPYTERHUB_API_TOKEN", NULL, WORKLOAD_INTERACTIVE),

    /* Operators that serve models. */
    HINT(LABEL, "serving.kubeflow.org/inferenceservice", NULL, WORKLOAD_INFERENCE),
    HINT(LABEL, "serving.kserve.io/inferenceservice", NULL, WORKLOAD_INFERENCE),
    HINT(LABEL, "seldon.io/deployment", NULL, WORKLOAD_INFERENCE),
    HINT(LABEL, "seldon-deployment-id", NULL, WORKLOAD_INFERENCE),
    HINT(LABEL, "leaderworkerset.sigs.k8s.io/name", NULL, WORKLOAD_INFERENCE),
    HINT(LABEL, PART, "predictor inference serving", WORKLOAD_INFERENCE),
    HINT(OWNER, "InferenceService", NULL, WORKLOAD_INFERENCE),
    HINT(OWNER, "SeldonDeployment", NULL, WORKLOAD_INFERENCE),
    HINT(OWNER, "RayService", NULL, WORKLOAD_INFERENCE),
    HINT(OWNER, "LeaderWorkerSet", NULL, WORKLOAD_INFERENCE),

    /* Operators that train. */
    HINT(LABEL, "training.kubeflow.org/job-name", NULL, WORKLOAD_TRAINING),
    HINT(LABEL, "pytorch.org/job-name", NULL, WORKLOAD_TRAINING),
    HINT(LABEL, "tensorflow.org/job-name", NULL, WORKLOAD_TRAINING),
    HINT(LABEL, "pytorch-replica-type", NULL, WORKLOAD_TRAINING),
    HINT(LABEL, "tf-replica-type", NULL, WORKLOAD_TRAINING),
    HINT(OWNER, "PyTorchJob", NULL, WORKLOAD_TRAINING),
    HINT(OWNER, "TFJob", NULL, WORKLOAD_TRAINING),
    HINT(OWNER, "JAXJob", NULL, WORKLOAD_TRAINING),
    HINT(OWNER, "XGBoostJob", NULL, WORKLOAD_TRAINING),
    HINT(OWNER, "PaddleJob", NULL, WORKLOAD_TRAINING),
    HINT(OWNER, "TrainJob", NULL, WORKLOAD_TRAINING),
    HINT(LABEL, PART, "trainer training", WORKLOAD_TRAINING),
    HINT(ENV, "PET_NNODES", NULL, WORKLOAD_TRAINING), /* torchrun's settings */
    HINT(ENV, "WORLD_SIZE", NULL, WORKLOAD_TRAINING), /* torch.distributed's */
    HINT(ENV, "TF_CONFIG", NULL, WORKLOAD_TRAINING),  /* TensorFlow's */

    /* Data processing: batch, however big. */
    HINT(LABEL, "spark-role", NULL, WORKLOAD_BATCH),
    HINT(LABEL, "spark-app-id", NULL, WORKLOAD_BATCH),
    HINT(LABEL, "spark-app-selector", NULL, WORKLOAD_BATCH),
    HINT(OWNER, "SparkApplication", NULL, WORKLOAD_BATCH),

    /* What runs to its end, and may be training. */
    HINT(LABEL, "mpi-job-role", NULL, WORKLOAD_BATCH, true),
    HINT(LABEL, "training.kubeflow.org/job-role", NULL, WORKLOAD_BATCH, true),
    HINT(LABEL, "ray.io/node-type", NULL, WORKLOAD_BATCH, true),
    HINT(LABEL, "kubeflow.org/component", NULL, WORKLOAD_BATCH, true),
    HINT(LABEL, "jobset.sigs.k8s.io/jobset-name", NULL, WORKLOAD_BATCH, true),
    HINT(LABEL, "batch.kubernetes.io/job-name", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "Job", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "CronJob", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "MPIJob", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "RayJob", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "RayCluster", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "JobSet", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "Workflow", NULL, WORKLOAD_BATCH, true),
    HINT(OWNER, "AIJob", NULL, WORKLOAD_BATCH, true),
    /* In every spelling; KubeNexus' classifier misses its own main labels. */
    HINT(GANG, "", NULL, WORKLOAD_TRAINING),

    /* By their image, when nothing above said more: KubeNexus asks for these of notebooks first,
     * and so takes a Job that runs a notebook's image for somebody at work. */
    HINT(IMAGE, "jupyter", NULL, WORKLOAD_INTERACTIVE),
    HINT(IMAGE, "rstudio", NULL, WORKLOAD_INTERACTIVE),
    HINT(IMAGE, "code-server", NULL, WORKLOAD_INTERACTIVE),
    HINT(IMAGE, "vscode", NULL, WORKLOAD_INTERACTIVE),
    HINT(IMAGE, "nteract", NULL, WORKLOAD_INTERACTIVE),
    HINT(IMAGE, "tritonserver", NULL, WORKLOAD_INFERENCE),
    HINT(IMAGE, "vllm", NULL, WORKLOAD_INFERENCE),
    HINT(IMAGE, "sglang", NULL, WORKLOAD_INFERENCE),
    HINT(IMAGE, "text-generation-inference", NULL, WORKLOAD_INFERENCE),
    HINT(IMAGE, "torchserve", NULL, WORKLOAD_INFERENCE),
    HINT(IMAGE, "ollama", NULL, WORKLOAD_INFERENCE),

    HINT(OWNER, "ReplicaSet", NULL, WORKLOAD_SERVICE),
    HINT(OWNER, "ReplicationController", NULL, WORKLOAD_SERVICE),
    HINT(OWNER, "StatefulSet", NULL, WORKLOAD_SERVICE),
    HINT(OWNER, "DaemonSet", NULL, WORKLOAD_SERVICE),
};

static bool is_word_of(struct str text, const char *words)
{
    struct str rest = str_from(words);
    while (rest.n) {
        if (str_eq_nocase(str_split(&rest, ' '), text))
            return true;
    }
    return false;
}

static bool has_owner(const struct kobj *pod, struct str kind)
{
    for (struct json_iter it = json_iter(kobj_meta(pod, STR("ownerReferences"))); json_next(&it);) {
        if (str_eq(json_str(json_get(it.value, STR("kind"))), kind))
            return true;
    }
    return false;
}

static bool has_variable(const struct pod *p, struct str name)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        struct json env = json_get(p->containers.items[i].raw, STR("env"));
        for (struct json_iter it = json_iter(env); json_next(&it);) {
            if (str_eq(json_str(json_get(it.value, STR("name"))), name))
                return true;
        }
    }
    return false;
}

/* Without its tag or digest, in which versions of other things stand. */
static struct str repository(struct str image)
{
    struct str name = str_split(&image, '@');
    for (size_t i = name.n; i > 0 && name.p[i - 1] != '/'; i--) {
        if (name.p[i - 1] == ':')
            return str_take(name, i - 1);
    }
    return name;
}

static bool has_image(const struct pod *p, struct str part)
{
    for (size_t i = 0; i < p->containers.n; i++) {
        if (str_find(repository(p->containers.items[i].image), part) >= 0)
            return true;
    }
    return false;
}

static bool is_met(const struct hint *h, const struct kobj *pod, const struct pod *p)
{
    struct str value = { 0 };
    switch (h->in) {
    case LABEL:
        value = json_str(json_get(p->labels, h->key));
        return value.p && (!h->words || is_word_of(value, h->words));
    case ANNOTATION:
        value = json_str(json_get(p->annotations, h->key));
        return value.p && (!h->words || is_word_of(value, h->words));
    case OWNER:
        return has_owner(pod, h->key);
    case ENV:
        return has_variable(p, h->key);
    case IMAGE:
        return has_image(p, h->key);
    case GANG:
        return p->gang != NULL;
    }
    return false;
}

/* ---- the answer ---- */

struct answer {
    enum workload kind;
    const struct hint *hint; /* NULL: the label or annotation said it, or nothing did */
    struct str said;
    bool by_annotation;
    int64_t gpus; /* why it grew; 0: for its gang */
    bool grew;
};

static int64_t gpus_of(const struct pod *p)
{
    static const struct str kinds[] = { STR_INIT("nvidia.com/gpu"), STR_INIT("amd.com/gpu"),
                                        STR_INIT("intel.com/gpu") };
    int64_t n = 0;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        n += amounts_get(&p->requests, kinds[i]);
    return n;
}

static enum workload named(struct str text)
{
    for (unsigned i = WORKLOAD_NONE + 1; i < WORKLOADS; i++) {
        if (str_eq_nocase(str_trim(text), str_from(workload_defaults[i].name)))
            return (enum workload)i;
    }
    return WORKLOAD_NONE;
}

static struct answer classify(const struct kobj *pod)
{
    const struct pod *p = pod_of(pod);
    struct answer out = { .said = json_str(json_get(p->labels, STR(WORKLOAD_KEY))) };
    if (!out.said.p) {
        out.said = json_str(json_get(p->annotations, STR(WORKLOAD_KEY)));
        out.by_annotation = out.said.p != NULL;
    }
    out.kind = named(out.said);
    for (size_t i = 0; i < COUNT_OF(hints) && !out.said.p && !out.hint; i++) {
        if (!is_met(&hints[i], pod, p))
            continue;
        out.hint = &hints[i];
        out.kind = hints[i].means;
        out.gpus = gpus_of(p);
        out.grew = hints[i].grows && (p->gang || out.gpus > 1);
    }
    if (out.grew)
        out.kind = WORKLOAD_TRAINING;
    return out;
}

enum workload workload_of(const struct kobj *pod)
{
    return classify(pod).kind;
}

static struct str reason(struct arena *a, const struct answer *w, const struct pod *p)
{
    static const char *const words[] = {
        [LABEL] = "label ",  [ANNOTATION] = "annotation ", [OWNER] = "owner ",
        [ENV] = "variable ", [IMAGE] = "an image of ",     [GANG] = "it is in a gang"
    };
    struct str grown = { 0 };
    if (w->said.p)
        return arena_printf(a, "%s " WORKLOAD_KEY ": %.*s%s",
                            w->by_annotation ? "annotation" : "label",
                            STR_ARG(str_take(w->said, 63)),
                            w->kind == WORKLOAD_NONE ? ", which is none that we know" : "");
    if (!w->hint)
        return grown;
    if (w->grew && p->gang)
        grown = STR(", and it is in a gang");
    else if (w->grew)
        grown = arena_printf(a, ", and it asks for %lld GPUs", (long long)w->gpus);
    return arena_printf(a, "%s%.*s%.*s", words[w->hint->in], STR_ARG(w->hint->key), STR_ARG(grown));
}

enum workload workload_why(const struct kobj *pod, struct arena *a, struct str *because)
{
    struct answer w = classify(pod);
    *because = reason(a, &w, pod_of(pod));
    return w.kind;
}
