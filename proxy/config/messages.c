#include "proxy/config/parse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void px_messages_init(struct px_messages *messages)
{
    *messages = (struct px_messages){0};
}

void px_messages_deinit(struct px_messages *messages)
{
    for (uint32_t i = 0; i < messages->count; i++) {
        free(messages->items[i].text);
    }
    free(messages->items);
    free(messages->file);
    *messages = (struct px_messages){0};
}

int px_messages_set_file(struct px_messages *messages, const char *file)
{
    char *copy = tn_str_dup(tn_str_of(file));
    if (!copy) {
        return -ENOMEM;
    }
    free(messages->file);
    messages->file = copy;
    return 0;
}

int px_messages_add(struct px_messages *messages, enum px_severity severity, uint32_t line,
                    uint32_t column, const char *text)
{
    /* A file that is wrong everywhere: whoever mends the first hundred sees the others then. */
    if (messages->count >= PX_MESSAGES_MAX) {
        messages->error_count += severity == PX_ERROR;
        return 0;
    }
    if (messages->count % 8 == 0) {
        struct px_message *items = realloc(messages->items, (messages->count + 8) * sizeof(*items));
        if (!items) {
            return -ENOMEM;
        }
        messages->items = items;
    }
    char *copy = tn_str_dup(tn_str_of(text));
    if (!copy) {
        return -ENOMEM;
    }
    messages->items[messages->count++] =
        (struct px_message){.severity = severity, .line = line, .column = column, .text = copy};
    messages->error_count += severity == PX_ERROR;
    return 0;
}

/* Insertion sort: at most a hundred, mostly in order, and equal places must keep theirs. */
void px_messages_sort(struct px_messages *messages)
{
    for (uint32_t i = 1; i < messages->count; i++) {
        struct px_message moved = messages->items[i];
        uint32_t k = i;
        for (; k > 0; k--) {
            const struct px_message *before = &messages->items[k - 1];
            if (before->line < moved.line ||
                (before->line == moved.line && before->column <= moved.column)) {
                break;
            }
            messages->items[k] = *before;
        }
        messages->items[k] = moved;
    }
}

static int format_one(const struct px_messages *messages, uint32_t i, char *bytes, size_t size)
{
    const struct px_message *message = &messages->items[i];
    const char *severity = message->severity == PX_ERROR ? "error" : "warning";
    const char *file = messages->file ? messages->file : "configuration";
    if (message->line == 0) {
        return snprintf(bytes, size, "%s: %s: %s\n", file, severity, message->text);
    }
    return snprintf(bytes, size, "%s:%u:%u: %s: %s\n", file, message->line, message->column,
                    severity, message->text);
}

char *px_messages_format(const struct px_messages *messages)
{
    size_t size = 64;
    for (uint32_t i = 0; i < messages->count; i++) {
        size += (size_t)format_one(messages, i, NULL, 0);
    }
    char *text = malloc(size);
    if (!text) {
        return NULL;
    }
    size_t len = 0;
    uint32_t errors = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < messages->count; i++) {
        errors += messages->items[i].severity == PX_ERROR;
        len += (size_t)format_one(messages, i, text + len, size - len);
    }
    if (messages->error_count > errors) {
        (void)snprintf(text + len, size - len, "and %u more errors\n",
                       messages->error_count - errors);
    }
    return text;
}

static void add(struct px_parser *parser, enum px_severity severity, uint32_t line, uint32_t column,
                const char *format, va_list args) __attribute__((format(printf, 5, 0)));

static void add(struct px_parser *parser, enum px_severity severity, uint32_t line, uint32_t column,
                const char *format, va_list args)
{
    char text[700];
    vsnprintf(text, sizeof(text), format, args);
    if (px_messages_add(parser->messages, severity, line, column, text) < 0) {
        parser->out_of_memory = true;
    }
}

void px_error_at(struct px_parser *parser, uint32_t line, uint32_t column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(parser, PX_ERROR, line, column, format, args);
    va_end(args);
}

void px_error(struct px_parser *parser, const struct px_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(parser, PX_ERROR, node->line, node->column, format, args);
    va_end(args);
}

void px_warning(struct px_parser *parser, const struct px_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(parser, PX_WARNING, node->line, node->column, format, args);
    va_end(args);
}

void px_text_add(struct px_text *text, const char *format, ...)
{
    size_t left = sizeof(text->bytes) - text->len;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text->bytes + text->len, left, format, args);
    va_end(args);
    if (len > 0 && (size_t)len < left) {
        text->len += (size_t)len;
    } else if (len > 0) {
        text->len = sizeof(text->bytes) - 1;
        memcpy(text->bytes + text->len - 3, "...", 3);
    }
}

void px_text_add_found(struct px_text *text, struct tn_str found)
{
    size_t shown = found.len;
    if (shown > 60) {
        shown = 57;
        /* not in the middle of a character */
        while (shown > 0 && ((unsigned char)found.ptr[shown] & 0xc0) == 0x80) {
            shown--;
        }
    }
    px_text_add(text, "'");
    for (size_t i = 0; i < shown; i++) {
        unsigned char byte = (unsigned char)found.ptr[i];
        px_text_add(text, "%c", byte < 0x20 || byte == 0x7f ? '?' : found.ptr[i]);
    }
    px_text_add(text, shown < found.len ? "...'" : "'");
}

static void add_found(struct px_text *text, const struct px_node *node)
{
    if (node->kind != PX_NODE_SCALAR) {
        px_text_add(text, "%s %s", node->count == 0 ? "an empty" : "a",
                    node->kind == PX_NODE_LIST ? "list" : "map");
    } else if (node->text.len == 0) {
        px_text_add(text, "nothing");
    } else {
        px_text_add_found(text, node->text);
    }
}

void px_expected(struct px_parser *parser, const struct px_node *node, const char *what,
                 const char *suggestion)
{
    struct px_text text = {0};
    if (node->key) {
        px_text_add(&text, "%.*s: ", node->key->text.len > 40 ? 40 : (int)node->key->text.len,
                    node->key->text.ptr);
    }
    px_text_add(&text, "expected %s, found ", what);
    add_found(&text, node);
    if (suggestion) {
        px_text_add(&text, " (did you mean '%s'?)", suggestion);
    }
    px_error(parser, node, "%s", text.bytes);
}
