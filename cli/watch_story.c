#include "cli/text.h"
#include "cli/watch_parts.h"

#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

void cli_watch_tell(struct cli_watched *watched, char *text)
{
    struct cli_story *story = &watched->story;
    char at[CLI_TEXT_SIZE];
    char *line;

    cli_make_printable(text);
    line = cli_format("%s  %s", cli_watch_time(watched->context, !watched->prints_story, at), text);
    free(text);
    story->told++;
    if (watched->prints_story) {
        fprintf(watched->context->out, "%s\n", line);
        free(line);
        return;
    }
    if (story->count == CLI_STORY_MAX) {
        free(story->lines[0]);
        story->count--;
        memmove(story->lines, story->lines + 1, story->count * sizeof(story->lines[0]));
    }
    story->lines[story->count++] = line;
}

/* --- events, in words ----------------------------------------------------------------------------
 */

static char *names_of(const json_t *list)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = cli_need(open_memstream(&text, &len));

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *entry = json_array_get(list, i);

        if (json_is_string(entry))
            fprintf(out, "%s%s", i == 0 ? " (" : ", ", json_string_value(entry));
        else
            fprintf(out, "%s%s %s", i == 0 ? " (" : ", ", text_of(entry, "name"),
                    text_of(entry, "after"));
    }
    if (json_array_size(list) > 0)
        fputc(')', out);
    cli_need(fclose(out) == 0 ? text : NULL);
    return text;
}

static char *revision_words(const json_t *data)
{
    const char *author = text_of(data, "author");
    const char *reason = text_of(data, "reason");
    const json_t *modes = json_object_get(data, "modes");
    char *names = names_of(json_array_size(modes) > 0 ? modes : json_object_get(data, "rules"));
    char *words =
        cli_format("revision %" JSON_INTEGER_FORMAT ": %s%s%s%s%s%s",
                   json_integer_value(json_object_get(data, "revision")), text_of(data, "what"),
                   names, author[0] ? " by " : "", author, reason[0] ? ": " : "", reason);

    free(names);
    return words;
}

static char *health_words(const json_t *data)
{
    bool is_up = json_is_true(json_object_get(data, "up"));
    const char *detail = text_of(data, "detail");
    const char *mode = text_of(data, "mode");

    return cli_format("%s/%" JSON_INTEGER_FORMAT " (%s) is %s%s%s%s%s%s", text_of(data, "version"),
                      json_integer_value(json_object_get(data, "endpoint")),
                      text_of(data, "address"), is_up ? "up" : "down",
                      json_is_true(json_object_get(data, "ejected")) ? ", ejected" : "",
                      strcmp(mode, "active") == 0 ? "" : ", ",
                      strcmp(mode, "active") == 0 ? "" : mode, detail[0] ? ": " : "", detail);
}

static char *verdict_words(const json_t *data)
{
    return cli_format("rule %s: %s is %s, by %s", text_of(data, "rule"), text_of(data, "version"),
                      text_of(data, "verdict"), text_of(data, "unit"));
}

static char *split_words(const json_t *data)
{
    return cli_format("rule %s: the split is %s what was asked for", text_of(data, "rule"),
                      json_is_true(json_object_get(data, "mismatch")) ? "not" : "again");
}

static char *ttl_words(const json_t *data)
{
    const json_t *modes = json_object_get(data, "modes");
    char *names = names_of(json_array_size(modes) > 0 ? modes : json_object_get(data, "rules"));
    char *words = cli_format("revision %" JSON_INTEGER_FORMAT " goes back by itself at %s%s",
                             json_integer_value(json_object_get(data, "revision")),
                             text_of(data, "until"), names);

    free(names);
    return words;
}

static char *durable_words(const json_t *data)
{
    return cli_format("%s", json_is_true(json_object_get(data, "durable"))
                                ? "the rules in force are on the disk again"
                                : "the rules in force are NOT durable: a restart loses them");
}

static char *guard_words(const json_t *data)
{
    return cli_format("the guard aborts rule %s: %s", text_of(data, "rule"),
                      text_of(data, "reason"));
}

static const struct {
    const char *name;
    char *(*words)(const json_t *data);
} stories[] = {
    {"revision", revision_words}, {"health", health_words},   {"verdict", verdict_words},
    {"split", split_words},       {"durable", durable_words}, {"guard", guard_words},
    {"ttl", ttl_words},
};

/* --- events, into documents ----------------------------------------------------------------------
 */

static void set(json_t **document, json_t *value)
{
    if (!json_is_object(value))
        return;
    json_decref(*document);
    *document = json_incref(value);
}

static void take_state(struct cli_watched *watched, json_t *data)
{
    json_t *rules = json_pack("{s:O, s:O}", "revision", json_object_get(data, "revision"), "rules",
                              json_object_get(data, "rules"));

    set(&watched->documents.status, json_object_get(data, "status"));
    set(&watched->documents.rules, rules);
    json_decref(rules);
}

int cli_watch_take(struct cli_watched *watched, const struct tn_client_event *event)
{
    json_t *data = json_loadb(event->data.ptr, event->data.len, 0, NULL);

    memcpy(watched->last_id, event->id, strlen(event->id) + 1);
    if (strcmp(event->name, "state") == 0) {
        take_state(watched, data);
    } else if (strcmp(event->name, "stats") == 0) {
        set(&watched->documents.share, data);
    } else if (strcmp(event->name, "bye") == 0) {
        free(watched->bye);
        watched->bye = cli_printable(text_of(data, "why"));
    }
    for (size_t i = 0; i < sizeof(stories) / sizeof(stories[0]); i++) {
        if (strcmp(event->name, stories[i].name) == 0)
            cli_watch_tell(watched, stories[i].words(data));
    }
    json_decref(data);
    return 0;
}

void cli_watched_deinit(struct cli_watched *watched)
{
    for (size_t i = 0; i < watched->story.count; i++)
        free(watched->story.lines[i]);
    watched->story.count = 0;
    free(watched->bye);
    watched->bye = NULL;
    cli_documents_drop(&watched->documents);
}
