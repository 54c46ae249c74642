package io.github.wandacuda.job;

import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleMasks;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * Masks that a run takes from files.
 *
 * @param masks the masks
 * @param sha256 a SHA-256 of the files' bytes, in hexadecimal
 */
public record MasksIn(ModuleMasks masks, String sha256) implements AutoCloseable {
  /** Returns what writes a module's mask, if masks are given. */
  public static Optional<Consumer<MemorySegment>> of(Optional<MasksIn> given, LinearModule module) {
    return given.map(in -> mask -> in.masks().read(module, mask));
  }

  @Override
  public void close() {
    masks.close();
  }
}
