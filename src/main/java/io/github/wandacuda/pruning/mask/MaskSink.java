package io.github.wandacuda.pruning.mask;

import java.lang.foreign.MemorySegment;

/** Takes masks, in any order and from several threads. */
@FunctionalInterface
public interface MaskSink {
  /** Drops every mask. */
  MaskSink NONE = (index, mask) -> {};

  /**
   * Takes the mask of a module.
   *
   * @param index the module's place in the order of the digest
   * @param mask its packed mask, which belongs to the caller again after the call
   */
  void add(int index, MemorySegment mask);

  /** Returns a sink that hands each mask to this one, and then to another. */
  default MaskSink and(MaskSink other) {
    return (index, mask) -> {
      add(index, mask);
      other.add(index, mask);
    };
  }
}
