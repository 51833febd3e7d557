/* A reload, from the file to parsed rules; and its dry run, which tells more. */
#include "proxy/admin/change.h"
#include "proxy/admin/change_parts.h"

#include "lib/api/json.h"
#include "proxy/admin/against.h"

#include <errno.h>

/* The file is read anew; or a dry run brought a text, which is looked at as if it stood there. */
static int load_config(struct px_rulebook *book, struct px_change *change)
{
    const json_t *text = json_object_get(change->request, "text");
    struct px_messages messages;
    struct px_config *fresh = NULL;
    int error;

    px_messages_init(&messages);
    if (text)
        error = px_config_parse((struct tn_str){json_string_value(text), json_string_length(text)},
                                book->config->file, book->config->dir, &messages, &fresh);
    else
        error = px_config_load(book->config->file, &messages, &fresh);
    if (error == -ENOMEM) {
        px_change_no_memory(change);
    } else if (error) {
        px_change_refuse_messages(change, &messages, true);
    } else {
        px_config_free(change->work->config);
        change->work->config = fresh;
        error = px_change_note_warnings(change, &messages);
    }
    px_messages_deinit(&messages);
    return error ? -EINVAL : 0;
}

static int check_restart(struct px_rulebook *book, struct px_change *change)
{
    json_t *sentences = px_reload_needs_restart(book->config, change->work->config);
    int error = 0;

    if (!sentences)
        return px_change_no_memory(change);
    if (json_array_size(sentences) > 0) {
        size_t i;
        json_t *sentence;

        error =
            px_change_refuse(change, 422, "%s", json_string_value(json_array_get(sentences, 0)));
        change->errors = json_array();
        json_array_foreach(sentences, i, sentence)
        {
            tn_json_append(&change->errors, json_pack("{s:O}", "text", sentence));
        }
    }
    json_decref(sentences);
    return error;
}

/* A version that the merged rules still use can't go: said here, in a sentence of its own. */
static int check_versions(struct px_change *change, const json_t *rules)
{
    static const char *const whats[] = {"weights", "mirror"};
    size_t i;
    json_t *rule;

    json_array_foreach(rules, i, rule)
    {
        const char *name = json_string_value(json_object_get(rule, "name"));
        const char *stable = json_string_value(json_object_get(rule, "stable"));
        const char *version;
        json_t *value;
        size_t k;

        json_object_foreach(json_object_get(rule, whats[0]), version, value)
        {
            if (!px_config_find_version(change->work->config, version))
                return px_change_refuse(change, 422,
                                        "version '%s' can't be removed: rule %s still uses it",
                                        version, name);
        }
        if (stable && !px_config_find_version(change->work->config, stable))
            return px_change_refuse(change, 422,
                                    "version '%s' can't be removed: it is stable of rule %s",
                                    stable, name);
        json_array_foreach(json_object_get(rule, whats[1]), k, value)
        {
            version = json_string_value(json_object_get(value, "to"));
            if (!px_config_find_version(change->work->config, version))
                return px_change_refuse(change, 422,
                                        "version '%s' can't be removed: rule %s mirrors to it",
                                        version, name);
        }
    }
    return 0;
}

/* What is draining or cut stays so, wherever the file has it now. */
static int fit_modes(struct px_change *change)
{
    struct px_change_work *work = change->work;
    json_t *addresses = px_addresses_of(work->config);
    json_t *fitted = addresses ? px_modes_fit(work->modes, addresses, work->notes) : NULL;

    json_decref(addresses);
    if (!fitted)
        return px_change_no_memory(change);
    json_decref(work->modes);
    work->modes = fitted;
    return 0;
}

static int check_text(struct px_change *change)
{
    const json_t *text = json_object_get(change->request, "text");

    if (text && !json_is_string(text))
        return px_change_refuse(change, 422, "'text' must be a configuration file as a text");
    if (text && !change->is_dry_run)
        return px_change_refuse(change, 422,
                                "'text' needs dry_run: a reload takes the file as it is there");
    return 0;
}

/* What a dry run tells beside rules and modes. */
static int tell(const struct px_rulebook *book, struct px_change *change, const json_t *file,
                const json_t *merged)
{
    struct px_change_work *work = change->work;

    work->reload = json_object();
    tn_json_set(&work->reload, "file", json_string(book->config->file));
    tn_json_set(&work->reload, "settings", px_reload_settings(book->config, work->config));
    tn_json_set(&work->reload, "kept", px_reload_kept(&book->history, file, merged));
    return work->reload ? 0 : px_change_no_memory(change);
}

int px_change_compute_reload(struct px_rulebook *book, struct px_change *change)
{
    struct px_change_work *work = change->work;
    bool has_lost_note = false;
    struct px_merge merge = {.current = book->rules,
                             .applied = book->hashes,
                             .notes = work->notes,
                             .has_lost_note = &has_lost_note};
    static const char *const members[] = {"text", NULL};
    struct px_edit edit = {.request = change->request};
    json_t *merged = NULL;
    int error;

    if (px_edit_check_members(&edit, members) != 0)
        return px_change_refuse(change, 422, "%s", edit.detail);
    if (check_text(change) != 0)
        return -EINVAL;
    error = load_config(book, change);

    if (!error)
        error = check_restart(book, change);
    if (error)
        return error;
    json_decref(work->hashes);
    work->hashes = px_hashes_of(work->config);
    merge.hashes = work->hashes;
    merge.file = px_rules_to_json(work->config->rules, work->config->rule_count);
    if (!merge.hashes || !merge.file || px_merge_rules(&merge, &merged) != 0 || has_lost_note)
        error = px_change_no_memory(change);
    if (!error)
        error = check_versions(change, merged);
    if (!error)
        error = px_change_parse(change, merged, work->config, work->config->file);
    if (!error && change->is_dry_run)
        error = tell(book, change, merge.file, merged);
    json_decref(merge.file);
    json_decref(merged);
    if (!error && px_reload_changes_config(book->config, work->config))
        work->is_changed = true;
    if (!error)
        error = fit_modes(change);
    return error;
}
