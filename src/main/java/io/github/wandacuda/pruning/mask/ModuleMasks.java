package io.github.wandacuda.pruning.mask;

import io.github.wandacuda.model.LinearModule;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collection;
import java.util.function.IntBinaryOperator;

/** The masks of a model's modules, read on demand. For use by several threads. */
public interface ModuleMasks extends AutoCloseable {
  /**
   * Checks that there is a mask for each module.
   *
   * @throws io.github.wandacuda.error.InputException if there is none for one; the message names it
   */
  void require(Collection<LinearModule> modules);

  /**
   * Reads a mask.
   *
   * @param mask takes the packed bits, rows * ceil(columns / 8) bytes: one bit a column, 1 = kept,
   *     least significant bit first, each row padded with 0
   * @throws io.github.wandacuda.error.InputException if there is none for the module, or a bit is
   *     set that is no weight's
   */
  void read(LinearModule module, MemorySegment mask);

  @Override
  void close();

  /** Returns masks that keep what these and the others both keep. They close both. */
  default ModuleMasks intersection(ModuleMasks others) {
    return new CombinedMasks(this, others, (one, other) -> one & other);
  }

  /** Returns masks that keep what these or the others keep. They close both. */
  default ModuleMasks union(ModuleMasks others) {
    return new CombinedMasks(this, others, (one, other) -> one | other);
  }

  /**
   * Masks made of two others, which it closes.
   *
   * @param kept makes of a byte of both the byte of the result
   */
  record CombinedMasks(ModuleMasks first, ModuleMasks second, IntBinaryOperator kept)
      implements ModuleMasks {
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
          int bits = kept.applyAsInt(one, others.get(ValueLayout.JAVA_BYTE, at));
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
}
