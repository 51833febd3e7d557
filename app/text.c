#include "app/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void app_text_init(struct app_text *text, char *buffer, size_t size)
{
    *text = (struct app_text){.data = buffer, .size = size};
    buffer[0] = '\0';
}

void app_text_add(struct app_text *text, const char *format, ...)
{
    size_t room = text->size - text->len;
    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(text->data + text->len, room, format, arguments);
    va_end(arguments);
    if (wanted < 0 || (size_t)wanted >= room) {
        text->cut = true;
        text->len = strlen(text->data);
        return;
    }
    text->len += (size_t)wanted;
}

static void add_char(struct app_text *text, char byte)
{
    if (text->len + 1 >= text->size) {
        text->cut = true;
        return;
    }
    text->data[text->len++] = byte;
    text->data[text->len] = '\0';
}

void app_text_add_html(struct app_text *text, const char *string)
{
    for (; *string != '\0'; string++) {
        switch (*string) {
        case '&':
            app_text_add(text, "&amp;");
            break;
        case '<':
            app_text_add(text, "&lt;");
            break;
        case '>':
            app_text_add(text, "&gt;");
            break;
        case '"':
            app_text_add(text, "&quot;");
            break;
        case '\'':
            app_text_add(text, "&#39;");
            break;
        default:
            add_char(text, *string);
        }
    }
}

void app_text_add_json(struct app_text *text, const char *string)
{
    add_char(text, '"');
    for (; *string != '\0'; string++) {
        unsigned char byte = (unsigned char)*string;
        if (byte == '"' || byte == '\\') {
            app_text_add(text, "\\%c", byte);
        } else if (byte == '\n') {
            app_text_add(text, "\\n");
        } else if (byte < 0x20) {
            app_text_add(text, "\\u%04x", byte);
        } else {
            add_char(text, *string);
        }
    }
    add_char(text, '"');
}

int app_text_parse_u64(const char *string, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (*string == '\0') {
        return -EINVAL;
    }
    for (; *string != '\0'; string++) {
        if (*string < '0' || *string > '9') {
            return -EINVAL;
        }
        uint64_t digit = (uint64_t)(*string - '0');
        if (digit > max || value > max / 10 || value * 10 > max - digit) {
            return -EINVAL;
        }
        value = value * 10 + digit;
    }
    *ret_value = value;
    return 0;
}
