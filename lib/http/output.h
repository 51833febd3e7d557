/*
 * output: a cursor over the caller's buffer that stops at its end.
 *
 * Internal to this room. Shape: put pieces, then tn_http_output_end gives the length or -ENOBUFS;
 * once something did not fit, nothing more is written. Ownership: none. Threads: any.
 */
#ifndef TN_HTTP_OUTPUT_H
#define TN_HTTP_OUTPUT_H

#include "lib/http/message.h"

#include <errno.h>
#include <limits.h>

struct tn_http_output {
    char *start;
    char *at;
    size_t left;
    bool full;
};

static inline struct tn_http_output tn_http_output_of(char *buffer, size_t size)
{
    return (struct tn_http_output){buffer, buffer, size < INT_MAX ? size : INT_MAX, false};
}

static inline void tn_http_put(struct tn_http_output *out, const char *bytes, size_t len)
{
    if (len > out->left) {
        out->full = true;
        out->left = 0;
        return;
    }
    if (len > 0)
        memcpy(out->at, bytes, len);
    out->at += len;
    out->left -= len;
}

static inline void tn_http_put_str(struct tn_http_output *out, struct tn_str text)
{
    tn_http_put(out, text.ptr, text.len);
}

#define TN_HTTP_PUT(out, literal) tn_http_put(out, literal, sizeof(literal) - 1)

static inline int tn_http_output_end(const struct tn_http_output *out)
{
    return out->full ? -ENOBUFS : (int)(out->at - out->start);
}

/* Decimal digits, no leading zero. */
void tn_http_put_number(struct tn_http_output *out, uint64_t value);

/* "name: value" with its line end; name comes with the colon and the space. Inline, so that a
 * literal becomes a few stores. */
static inline void tn_http_put_line(struct tn_http_output *out, struct tn_str name_colon,
                                    struct tn_str value)
{
    size_t len = name_colon.len + value.len + sizeof("\r\n") - 1;

    if (len > out->left) {
        out->full = true;
        out->left = 0;
        return;
    }
    memcpy(out->at, name_colon.ptr, name_colon.len);
    if (value.len > 0)
        memcpy(out->at + name_colon.len, value.ptr, value.len);
    memcpy(out->at + len - 2, "\r\n", 2);
    out->at += len;
    out->left -= len;
}

void tn_http_put_number_line(struct tn_http_output *out, struct tn_str name_colon, uint64_t value);

/* Our element of Via, for a message that was received in this version. */
static inline void tn_http_put_via(struct tn_http_output *out, unsigned version_minor,
                                   struct tn_str name)
{
    if (version_minor == 0)
        tn_http_put_line(out, TN_STR("Via: 1.0 "), name);
    else
        tn_http_put_line(out, TN_STR("Via: 1.1 "), name);
}

/* The Upgrade lines of the head and the Connection line that belongs to them. */
void tn_http_put_upgrade(struct tn_http_output *out, const struct tn_http_head *head);

/* How many digits that takes. */
unsigned tn_http_digits(uint64_t value);

/* Where the received line of field i begins, or for the last but one, ends: line ends included. */
static inline size_t tn_http_line_start(const struct tn_http_head *head, unsigned i)
{
    return i < head->field_count ? head->fields[i].name.offset : head->len - 2;
}

/* Neighbouring lines that pass are copied at once: the fields [from, to) are pending. */
struct tn_http_run {
    unsigned from;
    unsigned to;
};

static inline void tn_http_run_flush(struct tn_http_run *run, struct tn_http_output *out,
                                     const struct tn_http_head *head)
{
    size_t start = tn_http_line_start(head, run->from);

    if (run->from != run->to)
        tn_http_put(out, head->base + start, tn_http_line_start(head, run->to) - start);
}

/* Is the line "name: value" (or without the space) and its end, no other white space around? */
static inline bool tn_http_is_plain_line(const struct tn_http_head *head, unsigned i)
{
    const struct tn_http_field *field = &head->fields[i];
    size_t colon = (size_t)field->name.offset + field->name.len;
    size_t white = field->value.offset - colon - 1;

    return field->value.offset + field->value.len + sizeof("\r\n") - 1 ==
               tn_http_line_start(head, i + 1) &&
           (white == 0 || (white == 1 && head->base[colon + 1] == ' '));
}

/* "name: value": what was around the value stays behind. Never longer than the line. */
void tn_http_put_trimmed_line(struct tn_http_output *out, const struct tn_http_head *head,
                              unsigned i);

/* Puts the line of field i: as it came, together with its neighbours, if it is in normal form. */
static inline void tn_http_run_add(struct tn_http_run *run, struct tn_http_output *out,
                                   const struct tn_http_head *head, unsigned i)
{
    bool is_plain = tn_http_is_plain_line(head, i);

    if (run->to != i || !is_plain) {
        tn_http_run_flush(run, out, head);
        run->from = i;
    }
    run->to = i + 1;
    if (is_plain)
        return;
    run->from = i + 1;
    tn_http_put_trimmed_line(out, head, i);
}

/* The Content-Length line may pass as it is: no leading zeros. */
static inline bool tn_http_is_canonical_length(const struct tn_http_head *head,
                                               const struct tn_http_field *field)
{
    return field->value.len == tn_http_digits((uint64_t)head->content_length);
}

/* An element of this Via value, "1.1 name (comment)", says our name. */
bool tn_http_via_names(struct tn_str value, struct tn_str name);

#endif
