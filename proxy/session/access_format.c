#include "proxy/session/access_format.h"

#include "lib/base/clock.h"

#define NS_PER_S 1000000000ULL
#define FIXED_MAX 1024 /* names of the fields, numbers, punctuation */
#define ESCAPE_MAX 6   /* bytes that one byte can become */
#define WORD_MAX 128   /* ids, addresses, names of the configuration */

static char *put_raw(char *to, const char *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

#define PUT_LITERAL(to, literal) put_raw((to), (literal), sizeof(literal) - 1)

static char *put_u64(char *to, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    return put_raw(to, digits + at, sizeof(digits) - at);
}

static const char hex_digits[] = "0123456789abcdef";

static char *put_hex_u64(char *to, uint64_t value)
{
    for (int shift = 60; shift >= 0; shift -= 4)
        *to++ = hex_digits[value >> shift & 15];
    return to;
}

/* Length of the valid, printable UTF-8 sequence at the start (two bytes and more), or 0. */
static size_t utf8_len(const unsigned char *at, size_t left)
{
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;

    if (at[0] < 0xc2 || at[0] > 0xf4 || left < len)
        return 0;
    if (at[0] == 0xc2 || at[0] == 0xe0)
        low = 0xa0; /* c2: C1 controls, which a terminal obeys; e0: overlong */
    else if (at[0] == 0xed)
        high = 0x9f; /* surrogates */
    else if (at[0] == 0xf0)
        low = 0x90; /* overlong */
    else if (at[0] == 0xf4)
        high = 0x8f; /* beyond U+10FFFF */
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* Bytes that stand in a JSON string as they are: ASCII without controls, '"', '\\' and DEL. */
static const uint8_t plain_bytes[256] = {
    /* clang-format off */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0,
    /* clang-format on */
};

static bool is_plain(unsigned char byte)
{
    return plain_bytes[byte];
}

static struct tn_str cut(struct tn_str text, size_t max)
{
    if (text.len <= max)
        return text;
    /* not within a character */
    for (unsigned i = 0; i < 3 && ((unsigned char)text.ptr[max] & 0xc0) == 0x80; i++)
        max--;
    return (struct tn_str){text.ptr, max};
}

#define EIGHT(byte) (0x0101010101010101ULL * (byte))

/* High bit set in each byte that is 0 (and perhaps in the one above such a byte). */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - EIGHT(0x01)) & ~word & EIGHT(0x80);
}

/* Eight bytes at once: nearly all of them are plain. Returns how many were copied. */
static size_t put_plain(char *to, const char *from, size_t len)
{
    size_t done = 0;

    for (; len - done >= 8; done += 8) {
        uint64_t word;

        memcpy(&word, from + done, 8);
        if (((word - EIGHT(0x20)) | word) & EIGHT(0x80)) /* below ' ', or 0x80 and above */
            break;
        if (zero_bytes(word ^ EIGHT('"')) | zero_bytes(word ^ EIGHT('\\')) |
            zero_bytes(word ^ EIGHT(0x7f)))
            break;
        memcpy(to + done, &word, 8);
    }
    while (done < len && is_plain((unsigned char)from[done])) {
        to[done] = from[done];
        done++;
    }
    return done;
}

/* One byte that may not stand as it is, or one character beyond ASCII. Returns bytes used. */
static size_t put_escaped(char **to, const char *from, size_t len)
{
    unsigned char byte = (unsigned char)*from;
    size_t sequence = byte >= 0x80 ? utf8_len((const unsigned char *)from, len) : 0;

    if (sequence > 0) {
        *to = put_raw(*to, from, sequence);
        return sequence;
    }
    if (byte == '"' || byte == '\\') {
        *(*to)++ = '\\';
        *(*to)++ = (char)byte;
        return 1;
    }
    *to = PUT_LITERAL(*to, "\\u00");
    *(*to)++ = hex_digits[byte >> 4];
    *(*to)++ = hex_digits[byte & 15];
    return 1;
}

static char *put_json_text(char *to, struct tn_str text)
{
    size_t i = 0;

    while (i < text.len) {
        size_t plain = put_plain(to, text.ptr + i, text.len - i);

        to += plain;
        i += plain;
        if (i < text.len)
            i += put_escaped(&to, text.ptr + i, text.len - i);
    }
    return to;
}

/* name: with comma, quotes and colon, for example ",\"rule\":" */
static char *put_text_field(char *to, struct tn_str name, struct tn_str text, size_t max)
{
    struct tn_str shown = cut(text, max);

    if (text.len == 0)
        return to;
    to = put_raw(to, name.ptr, name.len);
    *to++ = '"';
    to = put_json_text(to, shown);
    if (shown.len < text.len)
        to = PUT_LITERAL(to, "\xe2\x80\xa6");
    *to++ = '"';
    return to;
}

static char *put_number_field(char *to, struct tn_str name, uint64_t value)
{
    return put_u64(put_raw(to, name.ptr, name.len), value);
}

/* The part of a time that changes once a second. */
static char *put_date(char *to, struct px_access_date *date, uint64_t wall_ns,
                      enum px_log_format format)
{
    uint64_t second = wall_ns / NS_PER_S;
    char text[TN_RFC3339_SIZE];

    if (date->second != second) {
        date->second = second;
        if (format == PX_LOG_JSON) {
            tn_clock_rfc3339(second * NS_PER_S, text);
            memcpy(date->text, text, 19); /* "2026-11-03T07:12:33" */
            date->len = 19;
        } else {
            tn_clock_http_date(second * NS_PER_S, text);
            /* "Tue, 03 Nov 2026 07:12:33 GMT" to "03/Nov/2026:07:12:33 +0000" */
            memcpy(date->text, text + 5, 20);
            date->text[2] = date->text[6] = '/';
            date->text[11] = ':';
            memcpy(date->text + 20, " +0000", 6);
            date->len = 26;
        }
    }
    return put_raw(to, date->text, date->len);
}

static char *put_ms(char *to, uint64_t wall_ns)
{
    unsigned ms = (unsigned)(wall_ns % NS_PER_S / 1000000);

    *to++ = '.';
    *to++ = (char)('0' + ms / 100);
    *to++ = (char)('0' + ms / 10 % 10);
    *to++ = (char)('0' + ms % 10);
    return to;
}

#define TEXT(name, view, max) put_text_field(to, TN_STR(",\"" name "\":"), (view), (max))
#define WORD(name, word) put_text_field(to, TN_STR(",\"" name "\":"), tn_str_of(word), WORD_MAX)
#define NUMBER(name, value) put_number_field(to, TN_STR(",\"" name "\":"), (value))

static char *put_decision(char *to, const struct px_access_line *line)
{
    to = WORD("rule", line->rule);
    to = WORD("version", line->version);
    to = WORD("build", line->build);
    to = WORD("endpoint", line->endpoint);
    to = WORD("reason", line->reason);
    if (line->has_slot)
        to = NUMBER("slot", line->slot);
    if (line->has_key) {
        to = PUT_LITERAL(to, ",\"key\":\"");
        to = put_hex_u64(to, line->key);
        *to++ = '"';
    }
    to = NUMBER("revision", line->revision);
    return to;
}

static char *put_json(char *to, const struct px_access_line *line, struct px_access_date *date)
{
    to = PUT_LITERAL(to, "{\"time\":\"");
    to = put_date(to, date, line->wall_ns, PX_LOG_JSON);
    to = put_ms(to, line->wall_ns);
    to = PUT_LITERAL(to, "Z\"");
    to = TEXT("request_id", line->request_id, WORD_MAX);
    to = TEXT("client", line->client, WORD_MAX);
    to = TEXT("method", line->method, WORD_MAX);
    to = TEXT("path", line->path, PX_ACCESS_PATH_MAX);
    if (line->status)
        to = NUMBER("status", line->status);
    to = NUMBER("bytes_in", line->bytes_in);
    to = NUMBER("bytes_out", line->bytes_out);
    to = NUMBER("duration_us", line->duration_us);
    if (line->upstream_us != PX_ACCESS_NONE)
        to = NUMBER("upstream_us", line->upstream_us);
    to = put_decision(to, line);
    to = NUMBER("retries", line->retries);
    to = WORD("end", line->end);
    if (line->is_mirror)
        to = PUT_LITERAL(to, ",\"mirror\":true");
    return PUT_LITERAL(to, "}\n");
}

/* "-" for nothing; bytes that could end the field, the line or a terminal's patience as \xXX. */
static char *put_combined_text(char *to, struct tn_str text, size_t max)
{
    size_t len = text.len < max ? text.len : max;

    if (len == 0)
        *to++ = '-';
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];

        if (is_plain(byte)) {
            *to++ = (char)byte;
            continue;
        }
        to = PUT_LITERAL(to, "\\x");
        *to++ = hex_digits[byte >> 4];
        *to++ = hex_digits[byte & 15];
    }
    return len < text.len ? PUT_LITERAL(to, "...") : to;
}

static char *put_combined(char *to, const struct px_access_line *line, struct px_access_date *date)
{
    to = put_combined_text(to, line->client, WORD_MAX);
    to = PUT_LITERAL(to, " - - [");
    to = put_date(to, date, line->wall_ns, PX_LOG_COMBINED);
    to = PUT_LITERAL(to, "] \"");
    to = put_combined_text(to, line->method, WORD_MAX);
    *to++ = ' ';
    to = put_combined_text(to, line->path, PX_ACCESS_PATH_MAX);
    to = PUT_LITERAL(to, " HTTP/1.");
    to = put_u64(to, line->version_minor);
    to = PUT_LITERAL(to, "\" ");
    to = line->status ? put_u64(to, line->status) : PUT_LITERAL(to, "000");
    *to++ = ' ';
    to = put_u64(to, line->bytes_out);
    to = PUT_LITERAL(to, " \"");
    to = put_combined_text(to, line->referer, PX_ACCESS_FIELD_MAX);
    to = PUT_LITERAL(to, "\" \"");
    to = put_combined_text(to, line->user_agent, PX_ACCESS_FIELD_MAX);
    return PUT_LITERAL(to, "\"\n");
}

static size_t at_most(size_t len, size_t max)
{
    return len < max ? len : max;
}

static size_t word_len(const char *word)
{
    return word ? at_most(strlen(word), WORD_MAX) : 0;
}

size_t px_access_format_max(const struct px_access_line *line)
{
    size_t bytes = at_most(line->request_id.len, WORD_MAX) + at_most(line->client.len, WORD_MAX) +
                   at_most(line->method.len, WORD_MAX) +
                   at_most(line->path.len, PX_ACCESS_PATH_MAX) +
                   at_most(line->referer.len, PX_ACCESS_FIELD_MAX) +
                   at_most(line->user_agent.len, PX_ACCESS_FIELD_MAX) + word_len(line->rule) +
                   word_len(line->version) + word_len(line->build) + word_len(line->endpoint) +
                   word_len(line->reason) + word_len(line->end);

    return FIXED_MAX + ESCAPE_MAX * bytes;
}

size_t px_access_format(const struct px_access_line *line, enum px_log_format format,
                        struct px_access_date *date, char *buffer)
{
    char *end =
        format == PX_LOG_JSON ? put_json(buffer, line, date) : put_combined(buffer, line, date);

    return (size_t)(end - buffer);
}
