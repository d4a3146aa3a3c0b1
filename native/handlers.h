#ifndef KAFISTO_HANDLERS_H
#define KAFISTO_HANDLERS_H

// kafisto_register makes the kernels known to the XLA plugin that was loaded
// from a path. It returns NULL, or what is wrong.
const char *kafisto_register(const char *plugin);

// kafisto_instructions names the instruction set that the kernels use.
const char *kafisto_instructions(void);

// kafisto_use_instructions makes the kernels use another instruction set from now
// on, for tests; 0 where the processor or the compiler has none of that name.
int kafisto_use_instructions(const char *name);

// kafisto_return_memory gives the holes in the C library's heap back to the
// system.
void kafisto_return_memory(void);

#endif
