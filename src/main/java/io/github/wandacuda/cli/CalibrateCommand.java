package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.ClusterOption;
import io.github.wandacuda.cli.option.OptionValues;
import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.cli.option.OverwriteOption;
import io.github.wandacuda.cli.option.ResultFiles;
import io.github.wandacuda.cli.option.SampleOptions;
import io.github.wandacuda.cli.option.TextModelOption;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.cluster.ClusterCalibration;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.record.ComputedOn;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.system.SpaceCheck;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * Runs samples through a model once, and writes what its layers receive: norms of inputs, second
 * moments, or the scores of experts.
 */
@Command(
    name = "calibrate",
    description = "Runs the dense model over text and writes activation statistics.",
    footer = {
      "  wanda-cuda calibrate --model org/model --calibration c4.json.gz \\",
      "      --output norms.safetensors"
    })
final class CalibrateCommand extends Subcommand {
  @Mixin private TextModelOption model;

  @Option(
      names = "--calibration",
      paramLabel = "FILE",
      converter = OptionValues.TextConverter.class,
      required = true,
      description = SampleOptions.FORMATS)
  private Path calibration;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      required = true,
      description = "The file to write the statistics to.")
  private Path file;

  @Option(
      names = "--second-moments",
      description =
          "Also writes the second moments of the inputs, which the methods need that change"
              + " weights or refine masks; they are larger than the model.")
  private boolean secondMoments;

  @Option(
      names = "--experts",
      description =
          "Also writes the scores of a mixture's experts, from which --structure experts of prune"
              + " can remove any number.")
  private boolean experts;

  @Mixin private OverwriteOption overwrite;
  @Mixin private SampleOptions sampling;
  @Mixin private BackendOptions backends;
  @Mixin private ClusterOption cluster;

  @Override
  public void run() {
    backends.check();
    cluster.check(false, false);
    output.exclude("--experts", "--second-moments", ClusterOption.NAME);
    if (cluster.given() && secondMoments) {
      throw new UsageException(
          "--cluster: a cluster writes no second moments to a file; 'wanda-cuda prune' needs none"
              + " if it runs the samples itself");
    }
    if (secondMoments) {
      backends.warnOfIdle(output);
    }
    SampleOptions.warnOfIdle(calibration, output);
    try (ModelDirectory directory = model.open(output);
        ResultFiles results = new ResultFiles(directory.path(), null, overwrite.given(), false)) {
      results.read("--calibration", calibration);
      results.add("--output", file, Statistics::isOne);
      sampling.addTo(results, true);
      results.reserve();
      CalibrationSamples samples = sampling.draw(calibration, directory, backends, false, output);
      SampleOptions.save(results, List.of(samples.tokens()));
      SampleOptions.say(calibration, samples, output);
      if (!cluster.given()) {
        requireRoom(directory, samples);
      }
      try (MemoryWatch memory = new MemoryWatch();
          Backend backend = backends.open(output)) {
        Statistics statistics = run(directory, backend, samples, results);
        double seconds = totalSeconds();
        output.written(
            written(file, object(statistics, backend), seconds, memory),
            () -> text(statistics, backend, seconds));
      }
    }
  }

  private void requireRoom(ModelDirectory directory, CalibrationSamples samples) {
    List<LinearModule> modules = secondMoments ? directory.modules() : List.of();
    RunNeeds.requireMemory(directory, List.of(samples.tokens()), RunNeeds.momentsBytes(modules));
    if (secondMoments && (!Files.exists(file) || Files.isRegularFile(file))) {
      long bytes =
          modules.stream().mapToLong(module -> Gram.elements(module.columns()) * Float.BYTES).sum();
      SpaceCheck.requireDisk(file.toAbsolutePath().getParent(), bytes);
    }
  }

  private Statistics run(
      ModelDirectory directory, Backend backend, CalibrationSamples samples, ResultFiles results) {
    if (!secondMoments) {
      Statistics statistics = dense(directory, backend, samples).joined(samples.joined());
      results.write("--output", statistics.content());
      return statistics;
    }
    try (Decoder decoder = DecoderFamilies.open(directory, backend.forwards(true))) {
      MomentsCalibration calibration =
          MomentsCalibration.of(directory, decoder, samples, output.progress());
      results.write("--output", calibration);
      return calibration.statistics();
    }
  }

  private Statistics dense(ModelDirectory directory, Backend backend, CalibrationSamples samples) {
    List<int[]> tokens = List.of(samples.tokens());
    if (cluster.given()) {
      try (Cluster opened = cluster.open(output, RunNeeds.processBytes(directory, true))) {
        OnCluster on = new OnCluster(opened, backends.devices());
        return ClusterCalibration.dense(on, directory).run(tokens, output.progress());
      }
    }
    try (Decoder decoder = DecoderFamilies.open(directory, backend.forwards(false))) {
      Statistics statistics =
          DenseCalibration.run(
              decoder, tokens, experts ? ExpertScore.CHEAP : List.of(), output.progress());
      if (experts && statistics.experts().isEmpty()) {
        throw ErrorDetails.file(directory.config().file())
            .hint("leave --experts out")
            .wrong("a mixture of experts", "none in the decoder");
      }
      return statistics;
    }
  }

  /** Returns how many mixtures have scores of their experts. */
  private static int routers(Statistics statistics) {
    return statistics.experts().size() / ExpertScore.CHEAP.size();
  }

  private Map<String, Object> object(Statistics statistics, Backend backend) {
    Map<String, Object> object = new LinkedHashMap<>();
    ComputedOn.of(backend).addTo(object);
    object.put("modules", statistics.norms().size());
    object.put("second_moments", secondMoments);
    object.put("routers", routers(statistics));
    object.put("samples", statistics.samples());
    object.put("sequence_length", statistics.sequenceLength());
    return object;
  }

  private Stream<String> text(Statistics statistics, Backend backend, double seconds) {
    return OutputOptions.lines(
        "%s: input norms%s of %d modules%s over %d samples of %d tokens, in %.1f s on %s",
        file,
        secondMoments ? " and second moments" : "",
        statistics.norms().size(),
        experts ? " and the experts' scores of %d mixtures".formatted(routers(statistics)) : "",
        statistics.samples(),
        statistics.sequenceLength(),
        seconds,
        backend.name());
  }
}
