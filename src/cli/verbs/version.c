/* SPDX-License-Identifier: Apache-2.0
 * version — of this program and, when it can be reached, of the server. */
#include "cli/conn.h"
#include "cli/verbs/verbs.h"

static bool collect(void *arg, struct str piece)
{
    buf_str(arg, piece);
    return true;
}

static int verb_version(struct cli *cli, struct args *args, struct err *err)
{
    fprintf(cli->out, "ganglion %s\n", GANGLION_VERSION);
    if (args_flag(args, "client"))
        return 0;
    struct err quiet;
    AUTO(conn_closep) struct conn *c = conn_open(args, &quiet);
    if (!c)
        return 0; /* no server is known: nothing to say about it */
    struct buf body;
    AUTO(json_doc_unrefp) struct json_doc *doc = NULL;
    buf_init(&body, 1 << 16);
    int rc = conn_stream(c, STR("/version"), collect, &body, err);
    if (rc == 0)
        rc = json_parse(&doc, buf_view(&body), &json_limits_body, err);
    if (rc == 0)
        fprintf(cli->out, "server %.*s at %.*s\n",
                STR_ARG(json_str(json_get(json_root(doc), STR("gitVersion")))),
                STR_ARG(conn_server(c)));
    buf_fini(&body);
    return rc;
}

static const struct option rows[] = {
    { .name = "client", .type = OPTION_FLAG, .fallback = "false", .help = "of this program only" },
};

const struct cli_verb version_verb = {
    .name = "version",
    .usage = "",
    .help = "print the versions of program and server",
    .options = rows,
    .n_options = COUNT_OF(rows),
    .client = true,
    .run = verb_version,
};
