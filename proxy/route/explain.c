#include "proxy/route/context.h"

#include <stdarg.h>
#include <stdio.h>

/* Length of the UTF-8 character at text, 0 if it is none (RFC 3629). */
static size_t character_len(const unsigned char *text)
{
    size_t len = text[0] < 0x80   ? 1
                 : text[0] < 0xc2 ? 0
                 : text[0] < 0xe0 ? 2
                 : text[0] < 0xf0 ? 3
                                  : 4;

    if (text[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) /* the terminator is none either */
            return 0;
    }
    /* overlong, surrogates, beyond U+10FFFF */
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
        return 0;
    return len;
}

/* Parts of requests are quoted: they must not move a terminal's cursor, nor spoil a JSON answer. */
static void make_printable(char *line)
{
    unsigned char *at = (unsigned char *)line;

    while (*at != '\0') {
        size_t len = character_len(at);

        if (len == 0 || *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0)) {
            *at = '?';
            len = 1;
        }
        at += len;
    }
}

void px_route_say(const struct px_explain *explain, const char *format, ...)
{
    char line[512];
    va_list arguments;

    if (!explain)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    make_printable(line);
    explain->step(explain->context, line);
}

char *px_route_weights_text(const struct px_route_context *context, char *buffer, size_t size)
{
    size_t used = 0;

    buffer[0] = '\0';
    for (uint32_t i = 0; i < context->rule->version_count && used < size; i++) {
        int len = snprintf(buffer + used, size - used, "%s%s=%u", i > 0 ? " " : "",
                           px_route_version_name(context, i), context->rule->weights[i]);

        used += len > 0 ? (size_t)len : 0;
    }
    return buffer;
}
