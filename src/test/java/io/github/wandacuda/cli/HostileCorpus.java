package io.github.wandacuda.cli;

import java.util.List;
import java.util.stream.Stream;

/** Files that nobody should be able to do harm with, each with what is to be said about it. */
final class HostileCorpus {
  private HostileCorpus() {}

  static List<HostileFile> all() {
    return Stream.of(HostileCheckpoints.all(), HostileModels.all(), HostileSamples.all())
        .flatMap(List::stream)
        .toList();
  }
}
