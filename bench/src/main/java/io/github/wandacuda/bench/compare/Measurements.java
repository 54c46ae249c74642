package io.github.wandacuda.bench.compare;

import java.util.Map;

/** The measurement of each group. */
final class Measurements {
  private static final Map<String, Measurement> BY_GROUP =
      Map.ofEntries(
          Map.entry("select-copy", SelectRows::besideCopy),
          Map.entry("groups-copy", SelectRows::besideCopy),
          Map.entry("select-codes", SelectRows::codesBesideBfloat),
          Map.entry("select-sort", SelectRows::besideTorch),
          Map.entry("select-kthvalue", SelectRows::besideTorch),
          Map.entry("hostile", SelectRows::besideGaussian),
          Map.entry("call-overhead", SelectRows::callBesideTiles),
          Map.entry("call-overhead-small", SelectRows::callBesidePlan),
          Map.entry("norms-read", ForwardRows::normsBesideRead),
          Map.entry("linear-read", ForwardRows::fewTokensBesideRead),
          Map.entry("codes-linear", ForwardRows::codesBesideBfloat),
          Map.entry("codes-token", ForwardRows::codesBesideBfloat),
          Map.entry("generate-read", ForwardRows::tokenBesideRead),
          Map.entry("sparse-dense-50", SparseRows::besideDense),
          Map.entry("sparse-dense-60", SparseRows::besideDense),
          Map.entry("sparse-dense-2:4", SparseRows::besideDense),
          Map.entry("sparse-dense-rows", SparseRows::besideDense),
          Map.entry("sparse-read", SparseRows::besideRead),
          Map.entry("sparse-read-rows", SparseRows::besideRead),
          Map.entry("generate-packed", SparseRows::generateBesideDense),
          Map.entry("generate-smaller", SparseRows::smallerBesideDense),
          Map.entry("linear-openblas", ForwardRows::linearBesideOpenBlas),
          Map.entry("attention-linear", ForwardRows::attentionBesideLinear),
          Map.entry("moments-linear", ForwardRows::momentsBesideLinear),
          Map.entry("threads-select", SelectRows::besideOneThread),
          Map.entry("threads-linear", ForwardRows::linearBesideOneThread),
          Map.entry("prune-copy", ProgramRows::pruneBesideCopy),
          Map.entry("experts-copy", ProgramRows::thinnedBesideCopy),
          Map.entry("experts-write", ProgramRows::thinnedWritingBesideCopy),
          Map.entry("prune-checked", ProgramRows::checkedBesideCopy),
          Map.entry("prune-sizes", ProgramRows::growthBesideCopy),
          Map.entry("prune-start", ProgramRows::smallModel),
          Map.entry("prune-memory", ProgramRows::pruneInMemory),
          Map.entry("memory", ProgramRows::memory),
          Map.entry("prune-7b", ProgramRows::fullSize),
          Map.entry("prune-7b-copy", ProgramRows::fullSizeBesideCopy),
          Map.entry("calibrated-torch", ProgramRows::calibratedBesideTorch),
          Map.entry("calibrated-1b-torch", ProgramRows::calibratedBesideTorch),
          Map.entry("calibrated-linear", ProgramRows::calibratedBesideLinear),
          Map.entry("compiled-linear", ProgramRows::compiledCalibrationBesideLinear),
          Map.entry("sparsegpt-torch", ProgramRows::sparseGptBesideTorch),
          Map.entry("swaps-forward", BlockRows::swapsBesideForward),
          Map.entry("reconstruct-forward", BlockRows::reconstructBesideForward),
          Map.entry("alps-sparsegpt", BlockRows::alpsBesideSparseGpt),
          Map.entry("alps-prune", ProgramRows::alpsBesideSparseGpt),
          Map.entry("start-up", ProgramRows::startUp));

  private Measurements() {}

  static Measurement of(Group group) {
    Measurement measurement = BY_GROUP.get(group.name());
    if (measurement == null) {
      throw new IllegalArgumentException("nothing measures " + group.name());
    }
    return measurement;
  }
}
