package io.github.wandacuda.cli;

import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;

/** What the options of other programs are called here: those of the code of Wanda above all. */
final class OthersWords {
  /** Names without hyphens and underscores; what stands for each begins with an option. */
  private static final Map<String, String> HERE =
      Map.ofEntries(
          Map.entry("seqlen", "--sequence-length"),
          Map.entry("maxseqlength", "--sequence-length"),
          Map.entry("nsamples", "--samples"),
          Map.entry("numcalibrationsamples", "--samples"),
          Map.entry("dataset", "--calibration FILE"),
          Map.entry("prunemethod", "--method"),
          Map.entry("usevariant", "--method wanda-variant"),
          Map.entry("sparsityratio", "--sparsity"),
          Map.entry("sparsitytype", "--pattern N:M, and --sparsity for unstructured"),
          Map.entry("save", "--report FILE"),
          Map.entry("savemodel", "--output DIR"),
          Map.entry("outputdir", "--output DIR"),
          Map.entry("modelpath", "--model"),
          Map.entry("cachedir", "--model org/name, from the cache that HF_HUB_CACHE names"),
          Map.entry("evalzeroshot", "--tasks of 'wanda-cuda evaluate'"),
          Map.entry("maxnewtokens", "--tokens"),
          Map.entry("maxtokens", "--tokens"));

  private OthersWords() {}

  /** Returns what stands here for another program's option, if the command has that. */
  static Optional<String> here(String option, CommandSpec command) {
    return Optional.ofNullable(HERE.get(option.replaceAll("[-_]", "")))
        .filter(
            here ->
                here.contains("'wanda-cuda ") || command.findOption(here.split(" ")[0]) != null);
  }
}
