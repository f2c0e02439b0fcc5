/* Event: see event.h. */
#include "event.h"

void tm_event_free(tm_event *event)
{
    if (!event) return;
    tm_message_clear(&event->message);
    tm_free(event);
}

void tm_event_free_list(tm_event *list)
{
    while (list) {
        tm_event *next = list->next;
        tm_event_free(list);
        list = next;
    }
}
