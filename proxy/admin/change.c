#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/api/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct px_change *px_change_new(void)
{
    struct px_change *change = calloc(1, sizeof(*change));

    if (!change)
        return NULL;
    change->work = calloc(1, sizeof(*change->work));
    if (!change->work) {
        free(change);
        return NULL;
    }
    tn_list_init(&change->node);
    return change;
}

void px_change_free(struct px_change *change)
{
    struct px_change_work *work;

    if (!change)
        return;
    work = change->work;
    if (work->rules)
        px_rules_free(work->rules, work->rule_count);
    px_config_free(work->config);
    json_decref(work->hashes);
    json_decref(work->after);
    json_decref(work->notes);
    json_decref(work->touched_before);
    json_decref(work->touched_after);
    json_decref(work->unbound);
    json_decref(work->modes);
    json_decref(work->modes_changed);
    json_decref(work->ttls);
    json_decref(work->ttls_drop);
    json_decref(work->ttls_add);
    json_decref(work->closing);
    json_decref(work->reload);
    json_decref(work->record);
    free(work->entry);
    free(work->not_durable);
    free(work);
    json_decref(change->request);
    json_decref(change->errors);
    json_decref(change->answer);
    free(change->yaml);
    free(change->author);
    free(change->reason);
    json_decref(change->peer);
    free(change->detail);
    free(change);
}

int px_change_refuse(struct px_change *change, unsigned status, const char *format, ...)
{
    va_list args;

    change->status = status;
    free(change->detail);
    va_start(args, format);
    if (vasprintf(&change->detail, format, args) < 0)
        change->detail = NULL;
    va_end(args);
    return -EINVAL;
}

int px_change_no_memory(struct px_change *change)
{
    return px_change_refuse(change, 503, "out of memory");
}

/* The parser's messages become the problem: one as its detail, all as errors. Places mean something
 * only in a text that somebody wrote. */
int px_change_refuse_messages(struct px_change *change, const struct px_messages *messages,
                              bool has_places)
{
    const struct px_message *first = NULL;
    json_t *errors = json_array();

    for (uint32_t i = 0; i < messages->count; i++) {
        const struct px_message *message = &messages->items[i];

        if (message->severity != PX_ERROR)
            continue;
        if (!first)
            first = message;
        tn_json_append(&errors, has_places && message->line > 0
                                    ? json_pack("{s:i, s:i, s:s}", "line", message->line, "column",
                                                message->column, "text", message->text)
                                    : json_pack("{s:s}", "text", message->text));
    }
    if (!errors || !first) {
        json_decref(errors);
        return px_change_no_memory(change);
    }
    if (has_places && first->line == 0)
        px_change_refuse(change, 422, "%s: %s", messages->file, first->text);
    else
        px_change_refuse(change, 422, "%s", first->text);
    if (has_places || json_array_size(errors) > 1)
        change->errors = errors;
    else
        json_decref(errors);
    return -EINVAL;
}

int px_change_note_warnings(struct px_change *change, const struct px_messages *messages)
{
    for (uint32_t i = 0; i < messages->count; i++) {
        if (messages->items[i].severity == PX_WARNING)
            tn_json_append(&change->work->notes, json_string(messages->items[i].text));
    }
    return change->work->notes ? 0 : px_change_no_memory(change);
}

static int parse_text(struct px_change *change, struct tn_str text, bool has_places,
                      const struct px_config *config, const char *origin)
{
    struct px_change_work *work = change->work;
    struct px_messages messages;
    int error;

    px_messages_init(&messages);
    error = px_config_parse_rules(text, origin, config, &messages, &work->rules, &work->rule_count);
    if (error == -EINVAL)
        error = px_change_refuse_messages(change, &messages, has_places);
    else if (error)
        error = px_change_no_memory(change);
    else
        error = px_change_note_warnings(change, &messages);
    px_messages_deinit(&messages);
    return error;
}

int px_change_parse(struct px_change *change, const json_t *rules, const struct px_config *config,
                    const char *origin)
{
    /* spaces behind ':' and ',': what YAML and JSON both read */
    char *text = tn_json_text(rules, 0);
    int error;

    if (!text)
        return px_change_no_memory(change);
    error = parse_text(change, tn_str_of(text), false, config, origin);
    free(text);
    return error;
}

static int run_edit(struct px_change *change, struct px_edit *edit)
{
    struct px_change_work *work = change->work;
    bool has_memory = edit->rules && edit->file_rules && edit->unbound && edit->modes &&
                      edit->addresses && edit->closing && edit->ttls_drop && edit->ttls_add;
    int error = has_memory ? change->edit(edit) : -ENOMEM;

    if (!error && edit->has_lost_note)
        error = -ENOMEM;
    if (error == -ENOMEM)
        px_change_no_memory(change);
    else if (error)
        px_change_refuse(change, 422, "%s", edit->detail);
    else
        error = px_change_parse(change, edit->rules, work->config, "request");
    return error;
}

static int compute_edit(struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;
    struct px_edit edit = {.rules = json_deep_copy(book->rules),
                           .request = change->request,
                           .file_rules =
                               px_rules_to_json(book->config->rules, book->config->rule_count),
                           .notes = work->notes,
                           .unbound = json_deep_copy(book->unbound),
                           .modes = json_deep_copy(book->modes),
                           .addresses = px_addresses_of(book->config),
                           .shadowed = book->shadowed,
                           .closing = json_array(),
                           .history = &book->history,
                           .ttls = book->ttls,
                           .ttls_drop = json_array(),
                           .ttls_add = json_array(),
                           .revision = book->revision,
                           .next_revision = px_change_next_revision(book),
                           .wall_ns = book->options.clock->wall_ns(book->options.clock->context)};
    int error = run_edit(change, &edit);

    snprintf(work->rule, sizeof(work->rule), "%s", edit.rule);
    work->to_revision = edit.to_revision;
    snprintf(work->accepted, sizeof(work->accepted), "%s", edit.accepted);
    json_decref(edit.rules);
    json_decref(edit.file_rules);
    json_decref(edit.addresses);
    json_decref(work->unbound);
    work->unbound = edit.unbound;
    json_decref(work->modes);
    work->modes = edit.modes;
    work->closing = edit.closing;
    work->ttls_drop = edit.ttls_drop;
    work->ttls_add = edit.ttls_add;
    return error;
}

uint64_t px_change_next_revision(const struct px_rulebook *book)
{
    uint64_t last = book->burnt_revision > book->revision ? book->burnt_revision : book->revision;

    return last + 1;
}

int px_change_compute(struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;
    int error;

    if (change->has_if_revision && change->if_revision != book->revision)
        return px_change_refuse(change, 412, "the rules are at revision %llu, not %llu",
                                (unsigned long long)book->revision,
                                (unsigned long long)change->if_revision);
    work->config = px_config_ref(book->config);
    work->hashes = json_incref(book->hashes);
    work->unbound = json_incref(book->unbound);
    work->modes = json_incref(book->modes);
    work->notes = json_array();
    if (!work->notes)
        return px_change_no_memory(change);
    if (change->yaml)
        error = parse_text(change, (struct tn_str){change->yaml, change->yaml_len}, true,
                           work->config, "request");
    else
        error = change->edit ? compute_edit(book, change) : px_change_compute_reload(book, change);
    return error ? error : px_change_compare(book, change);
}
