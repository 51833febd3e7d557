#include "proxy/route/context.h"

#include <stdarg.h>
#include <stdio.h>

void px_route_say(const struct px_explain *explain, const char *format, ...)
{
    char line[512];
    va_list arguments;

    if (!explain)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    for (char *c = line; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?'; /* parts of requests are quoted: they must not move a terminal's cursor */
    }
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
