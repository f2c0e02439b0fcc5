/* The host of the example game: what its three files share. All of it runs on the main thread. */
#ifndef GAME_HOST_H
#define GAME_HOST_H

#include <SDL.h>
#include <lua.h>

/* paint.c: the Lua module "paint", which draws into the renderer. Its functions raise Lua errors. */
void paint_open(lua_State *L, SDL_Renderer *renderer);
/* Forgets the pictures that a Lua state loaded: before that state is closed. */
void paint_forget(void);
/* Frees what painting needs: before the renderer goes. */
void paint_close(void);

/* letters.c: text in one font, from a cache of what was drawn before. Sizes in pixels, colours 0xRRGGBBAA. */
int letters_open(SDL_Renderer *renderer, const char *font); /* 0, or -1: SDL_GetError() */
void letters_draw(const char *text, int size, float x, float y, Uint32 colour);
void letters_size(const char *text, int size, int *width, int *height);
void letters_close(void);

#endif
