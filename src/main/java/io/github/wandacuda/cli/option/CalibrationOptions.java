package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RecordSources;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.PruningRules;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options for the source of the norms: a calibration run or a file. */
public final class CalibrationOptions {
  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      converter = OptionValues.TextConverter.class,
      description = SampleOptions.FORMATS)
  private Path calibration;

  @Option(
      names = "--statistics",
      paramLabel = "FILE",
      description =
          "Activation statistics instead of a calibration run: what 'calibrate' wrote, or an"
              + " imatrix of llama.cpp (.gguf).")
  private Path statistics;

  @Mixin private SampleOptions sampling;

  /** Checks that what needs norms or scores, if it does, has them from one place. */
  public void check(boolean needed, String what, OutputOptions output) {
    output.exclude("--calibration", "--statistics");
    if (needed && calibration == null && statistics == null) {
      throw new UsageException("%s needs --calibration FILE or --statistics FILE".formatted(what));
    }
  }

  public boolean fromSamples(PruningRules rules) {
    return rules.needNorms() && calibration != null;
  }

  public void warnOfIdle(PruningRules rules, boolean norms, OutputOptions output) {
    if (!norms) {
      String why = "method %s needs no norms".formatted(rules.label());
      output.warnIfGiven(why, "--calibration", "--statistics", "--unreached");
      SampleOptions.warnOfAll(why, output);
    } else if (statistics != null) {
      SampleOptions.warnOfAll("norms come from --statistics", output);
    } else {
      SampleOptions.warnOfIdle(calibration, output);
    }
  }

  /** Checks that a comparison has its norms, and that statistics can do what its runs need. */
  public void check(List<ComparedMethod> runs, OutputOptions output) {
    if ((calibration == null) == (statistics == null)) {
      throw new UsageException("expected one of --calibration FILE and --statistics FILE");
    }
    if (statistics == null) {
      SampleOptions.warnOfIdle(calibration, output);
      return;
    }
    output.exclude("--statistics", ClusterOption.NAME);
    output.warnIfGiven("norms come from --statistics", "--samples", "--seed", "--join");
    for (ComparedMethod run : runs) {
      if (run.needsSamples()) {
        throw ErrorDetails.of("--statistics")
            .hint("--calibration serves all")
            .refused("what norms suffice for", run.label());
      }
    }
  }

  public OptionalInt sequenceLength() {
    return sampling.sequenceLength();
  }

  public void addTo(ResultFiles results, boolean sampled) {
    sampling.addTo(results, sampled && calibration != null);
    results.read("--calibration", calibration);
    results.read("--statistics", statistics);
  }

  public Map<String, List<Path>> files(boolean norms) {
    if (!norms) {
      return Map.of();
    }
    return statistics == null
        ? Map.of("calibration", List.of(calibration))
        : Map.of("statistics", List.of(statistics));
  }

  /** Draws the samples or reads the statistics. */
  public Calibration load(
      ModelDirectory model, BackendOptions backends, boolean dry, OutputOptions output) {
    if (statistics != null) {
      output.detail("norms from %s", statistics);
      return Calibration.FromStatistics.read(statistics);
    }
    CalibrationSamples samples = sampling.draw(calibration, model, backends, dry, output);
    SampleOptions.say(calibration, samples, output);
    return sampling.calibration(samples);
  }

  public static void save(ResultFiles results, Calibration source) {
    if (source instanceof Calibration.FromSamples samples) {
      SampleOptions.save(results, samples.samples());
    }
  }

  /** Returns what norms come from, by the names that reports have. */
  public Map<String, Object> facts(Calibration source) {
    Map<String, Object> facts = new LinkedHashMap<>();
    if (statistics == null) {
      facts.put("calibration_file", calibration.toString());
    } else {
      facts.put("statistics_file", statistics.toString());
      addFacts(facts, source);
    }
    facts.putAll(RecordSources.calibration(source));
    return facts;
  }

  /** Adds what statistics say of their samples, by the names that reports have. */
  public void addFacts(Map<String, Object> facts, Calibration source) {
    if (source instanceof Calibration.FromStatistics read) {
      facts.put("samples", read.statistics().samples());
      facts.put("sequence_length", read.statistics().sequenceLength());
    }
  }

  /** Returns a run's norms, with the number and length of the samples that gave them. */
  public Statistics statistics(RunResult result, Calibration source) {
    if (source instanceof Calibration.FromSamples samples) {
      return result
          .statistics(samples.samples().size(), samples.sequenceLength())
          .joined(samples.joined());
    }
    Statistics read = ((Calibration.FromStatistics) source).statistics();
    return result.statistics(read.samples(), read.sequenceLength()).joined(read.joined());
  }
}
