#include "cli/change.h"

#include "cli/numbers.h"
#include "cli/query.h"
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>

#define TTL_MAX_MS (UINT64_C(366) * 86400 * 1000)

#define COMMON                                                                                     \
    {CLI_OPTION_TEXT,                                                                              \
     0,                                                                                            \
     "rule",                                                                                       \
     "RULE",                                                                                       \
     "the rule to change (default: the last one)",                                                 \
     offsetof(struct cli_change, rule)},                                                           \
        {CLI_OPTION_TEXT,                                                                          \
         0,                                                                                        \
         "reason",                                                                                 \
         "TEXT",                                                                                   \
         "why, for the record",                                                                    \
         offsetof(struct cli_change, reason)},                                                     \
        {CLI_OPTION_TEXT,                                                                          \
         0,                                                                                        \
         "author",                                                                                 \
         "NAME",                                                                                   \
         "who asks for it, for the record",                                                        \
         offsetof(struct cli_change, author)},                                                     \
        {CLI_OPTION_TEXT,                                                                          \
         0,                                                                                        \
         "if-revision",                                                                            \
         "N",                                                                                      \
         "only if the rules are still at this revision",                                           \
         offsetof(struct cli_change, if_revision)},                                                \
        {CLI_OPTION_FLAG,                                                                          \
         0,                                                                                        \
         "take-over",                                                                              \
         NULL,                                                                                     \
         "change a rule that is in the care of an update",                                         \
         offsetof(struct cli_change, take_over)},                                                  \
    {                                                                                              \
        CLI_OPTION_FLAG, 0, "dry-run", NULL, "show what would change, change nothing",             \
            offsetof(struct cli_change, dry_run)                                                   \
    }

/* The rule first, so that commands which take no rule leave it out by skipping one. */
static const struct cli_option with_ttl[] = {
    COMMON,
    {CLI_OPTION_TEXT, 0, "ttl", "DURATION",
     "what this changes goes back by itself after\nthat time, unless somebody changed it "
     "since:\n30m",
     offsetof(struct cli_change, ttl)},
};
static const struct cli_option for_good[] = {
    COMMON,
    {CLI_OPTION_NEVER, 0, "ttl", "DURATION",
     "this does not go back by itself: it stays until somebody changes it", 0},
};

#define OPTION_COUNT (sizeof(with_ttl) / sizeof(with_ttl[0]))

struct cli_option_group cli_change_group(struct cli_change *change, const struct cli_syntax *syntax)
{
    size_t skipped = syntax->has_rule ? 0 : 1;

    return (struct cli_option_group){(syntax->is_for_good ? for_good : with_ttl) + skipped,
                                     OPTION_COUNT - skipped, change};
}

static bool read_ttl(struct cli_parse *parse, struct cli_change *change)
{
    char *why = change->ttl ? cli_parse_duration("--ttl", change->ttl, &change->ttl_ms) : NULL;

    if (!why && change->ttl && (change->ttl_ms < 1000 || change->ttl_ms > TTL_MAX_MS))
        why = cli_format("--ttl '%s': a second at least, 366 days at most", change->ttl);
    if (!why)
        return true;
    parse->exit_code = cli_usage_refuse(parse, why);
    return false;
}

bool cli_change_parse(struct cli_parse *parse, struct cli_change *change,
                      struct cli_option_group own, int argc, char **argv)
{
    if (own.count > 0)
        parse->groups[parse->group_count++] = own;
    parse->groups[parse->group_count++] = cli_change_group(change, parse->syntax);
    parse->groups[parse->group_count++] = cli_admin_group(&change->admin);
    return cli_parse(parse, argc, argv) && read_ttl(parse, change);
}

/* What every change may be asked for; false: told, and the exit code is set. */
static bool read_revision(const struct cli_parse *parse, const struct cli_change *change,
                          uint64_t *ret_revision, int *ret_code)
{
    char *why = change->if_revision
                    ? cli_parse_revision("--if-revision", change->if_revision, ret_revision)
                    : NULL;

    if (!why)
        return true;
    *ret_code = cli_usage_refuse(parse, why);
    return false;
}

static int finish(struct cli_change *change, const struct tn_client_request *request,
                  const char *file)
{
    json_t *answer = NULL;
    int code = cli_admin_call(&change->admin, request, file, &answer);

    if (code == CLI_DONE)
        cli_print_change(change->admin.context, answer);
    json_decref(answer);
    return code;
}

static void put_text(json_t *body, const char *key, const char *text)
{
    if (text)
        cli_need(json_object_set_new(body, key, json_string(text)) == 0 ? body : NULL);
}

int cli_change_send(const struct cli_parse *parse, struct cli_change *change, const char *method,
                    const char *target, json_t *body)
{
    uint64_t revision = 0;
    int code = CLI_FAILED;

    cli_admin_start(&change->admin, parse);
    put_text(body, "rule", change->rule);
    put_text(body, "reason", change->reason);
    put_text(body, "author", change->author);
    if (change->dry_run)
        json_object_set_new(body, "dry_run", json_true());
    if (change->take_over)
        json_object_set_new(body, "take_over", json_true());
    if (change->ttl_ms > 0)
        json_object_set_new(body, "ttl_ms", json_integer((json_int_t)change->ttl_ms));
    if (read_revision(parse, change, &revision, &code)) {
        char *text = cli_need(json_dumps(body, JSON_COMPACT));
        const struct tn_client_request request = {
            .method = method,
            .target = target,
            .content_type = "application/json",
            .body = tn_str_of(text),
            .if_revision = change->if_revision ? &revision : NULL,
        };
        code = finish(change, &request, NULL);
        free(text);
    }
    json_decref(body);
    return code;
}

int cli_change_send_text(const struct cli_parse *parse, struct cli_change *change,
                         const char *target, const char *content_type, struct tn_str text,
                         const char *file)
{
    struct cli_query query;
    uint64_t revision = 0;
    int code = CLI_FAILED;

    cli_admin_start(&change->admin, parse);
    if (!read_revision(parse, change, &revision, &code))
        return code;
    /* The body is the text alone, so what goes with it goes into the query. */
    cli_query_start(&query, target);
    if (change->reason)
        cli_query_add(&query, "reason", change->reason);
    if (change->author)
        cli_query_add(&query, "author", change->author);
    if (change->dry_run)
        cli_query_add(&query, "dry_run", "true");
    if (change->take_over)
        cli_query_add(&query, "take_over", "true");
    if (change->ttl_ms > 0) {
        char *ttl = cli_format("%" PRIu64, change->ttl_ms);

        cli_query_add(&query, "ttl_ms", ttl);
        free(ttl);
    }
    const struct tn_client_request request = {
        .method = "PUT",
        .target = cli_query_end(&query),
        .content_type = content_type,
        .body = text,
        .if_revision = change->if_revision ? &revision : NULL,
    };
    code = finish(change, &request, file);
    cli_query_free(&query);
    return code;
}
