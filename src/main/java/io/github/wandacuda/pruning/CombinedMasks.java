package io.github.wandacuda.pruning;

import io.github.wandacuda.model.LinearModule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collection;

/**
 * Masks made of two others.
 *
 * @param first the one
 * @param second the other
 * @param kept what is kept
 */
record CombinedMasks(ModuleMasks first, ModuleMasks second, Kept kept) implements ModuleMasks {
  /** Which weights are kept. */
  enum Kept {
    BY_BOTH,
    BY_EITHER
  }

  @Override
  public void require(Collection<LinearModule> modules) {
    first.require(modules);
    second.require(modules);
  }

  @Override
  public void read(LinearModule module, MemorySegment mask) {
    first.read(module, mask);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment others = arena.allocate(module.maskBytes());
      second.read(module, others);
      for (long at = 0; at < others.byteSize(); at++) {
        byte one = mask.get(ValueLayout.JAVA_BYTE, at);
        byte other = others.get(ValueLayout.JAVA_BYTE, at);
        int bits = kept == Kept.BY_BOTH ? one & other : one | other;
        mask.set(ValueLayout.JAVA_BYTE, at, (byte) bits);
      }
    }
  }

  @Override
  public void close() {
    try (second) {
      first.close();
    }
  }
}
