package io.github.wandacuda.library;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import java.util.Objects;

/**
 * The device that a job asks for.
 *
 * @param name as {@link Pruner.Builder#backend} takes it
 * @param index its number within its backend
 * @param threads of the CPU
 */
record ChosenDevice(String name, int index, int threads) {
  /** The first device that can be used, and all processors. */
  static final ChosenDevice FIRST =
      new ChosenDevice(Backends.AUTO, 0, Runtime.getRuntime().availableProcessors());

  ChosenDevice {
    Objects.requireNonNull(name, "name");
    if (threads < 1) {
      throw new IllegalArgumentException("threads: expected at least 1, found " + threads);
    }
  }

  ChosenDevice at(String other, int number) {
    return new ChosenDevice(other, number, threads);
  }

  ChosenDevice threads(int count) {
    return new ChosenDevice(name, index, count);
  }

  /** Opens it; the caller closes it. */
  Backend open() {
    return Backends.open(name, index, threads).backend();
  }
}
