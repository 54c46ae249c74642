package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.ModelFiles;
import io.github.wandacuda.bench.common.ModelShape;
import io.github.wandacuda.bench.common.ProgramRun;
import io.github.wandacuda.bench.common.ZeroAgreement;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Prunes a generated checkpoint from given norms on every backend, in turns with a plain copy of
 * the same bytes, then from samples. The masks of the first have to be the same.
 */
final class EndToEndPhase implements Phase {
  private static final List<String> BACKENDS = List.of("cuda", "opencl", "cpu");
  private static final String CPU = "cpu";

  /** What a calibrated run has to have in common with the CPU's. */
  private static final double SAME_BITS = 0.999;

  private static final String AGREEMENT = "same_as_cpu";

  private final PhaseOptions options;
  private final Shapes shapes;
  private final Path directory;
  private final ProgramRun program;
  private final Map<TimedJob, Map<String, Object>> soFar = new LinkedHashMap<>();

  EndToEndPhase(PhaseOptions options) {
    this.options = options;
    shapes = options.shapes();
    directory = options.work().resolve(options.phase());
    program = new ProgramRun(directory);
  }

  private Path model() {
    return directory.resolve("model");
  }

  private Path output(String name) {
    return directory.resolve("output-" + name);
  }

  @Override
  public void run(PhaseResult result) {
    Directories.delete(directory);
    Directories.create(directory);
    try {
      ModelChoice choice = choose();
      result.fact("layers", choice.shape().layers());
      result.fact("layers_of_model", shapes.model(options.phase()).layers());
      result.fact("layers_limited_by", choice.limit());
      if (choice.isModel()) {
        measure(choice.shape(), result);
      } else {
        result.notRun("too little " + choice.limit() + " for two layers");
      }
    } finally {
      Directories.delete(directory);
    }
  }

  /** Writes a layer to see how fast that is, unless the model is tiny anyway. */
  private ModelChoice choose() {
    ModelShape wanted = shapes.model(options.phase());
    if (options.small()) {
      return new ModelChoice(wanted, "");
    }
    ModelShape probe = wanted.withLayers(1);
    if (Directories.usableSpace(directory) < 2 * probe.bytes()) {
      return new ModelChoice(wanted.withLayers(0), "disk");
    }
    long start = System.nanoTime();
    new ModelFiles(probe).writeModel(model(), shapes.shardBytes());
    double secondsPerByte = (System.nanoTime() - start) / 1e9 / probe.bytes();
    Directories.delete(model());
    return ModelChoice.of(wanted, directory, secondsPerByte, options.deadline().left());
  }

  private void measure(ModelShape shape, PhaseResult result) {
    ModelFiles files = new ModelFiles(shape);
    long start = System.nanoTime();
    files.writeModel(model(), shapes.shardBytes());
    files.writeStatistics(directory.resolve("norms.safetensors"));
    files.writeSamples(
        directory.resolve("samples.json"),
        shapes.samples(options.phase()),
        shapes.sequenceLength(options.phase()));
    result.fact("model_bytes", shape.bytes());
    result.fact("linear_weights", shape.linearElements());
    result.fact("generation_seconds", (System.nanoTime() - start) / 1e9);

    TimedJob copy =
        new TimedJob(
            Map.of("run", "cp -r"),
            List.of("cp", "-r", model().toString(), output("copy").toString()));
    List<TimedJob> prunes = new ArrayList<>();
    for (String backend : BACKENDS) {
      if (usable(backend, result)) {
        prunes.add(statisticsRun(backend, true));
        prunes.add(statisticsRun(backend, false));
      }
    }
    List<TimedJob> jobs = new ArrayList<>(prunes);
    jobs.add(0, copy);
    round(jobs, result);
    List<TimedJob> calibrated = calibrated(result);
    for (int i = 1; i < shapes.rounds(); i++) {
      round(jobs, result);
    }
    report(copy, prunes, shape, result);
    calibrated.forEach(job -> add(job, result));
  }

  private static boolean usable(String backend, PhaseResult result) {
    boolean usable = ParityPhase.usable(backend).isPresent();
    if (!usable) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("run", "prune --statistics");
      row.put("backend", backend);
      result.missing(row, ParityPhase.whyNot(backend));
    }
    return usable;
  }

  /** No run may take all of the time from the others. */
  private void round(List<TimedJob> jobs, PhaseResult result) {
    for (TimedJob job : jobs) {
      run(job, options.deadline().left() / 3, result);
      Directories.delete(job.output());
    }
  }

  private void run(TimedJob job, double secondsLeft, PhaseResult result) {
    result.starts(job.labels().values().toString());
    job.run(program, secondsLeft);
    if (job.hasRun()) {
      soFar.put(job, row(job));
    }
    result.soFar(List.copyOf(soFar.values()));
  }

  private TimedJob statisticsRun(String backend, boolean verified) {
    Map<String, Object> labels = new LinkedHashMap<>();
    labels.put("run", "prune --statistics");
    labels.put("backend", backend);
    labels.put("verified", verified);
    List<String> source =
        List.of("--statistics", directory.resolve("norms.safetensors").toString());
    return new TimedJob(labels, prune(backend, verified, source, output(backend)));
  }

  private List<String> prune(String backend, boolean verified, List<String> source, Path output) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-jar", options.jar().toString(), "prune", "--json", "--quiet"));
    command.addAll(List.of("--model", model().toString(), "--backend", backend));
    command.addAll(source);
    if (!verified) {
      command.add("--no-verify");
    }
    command.addAll(List.of("--output", output.toString()));
    return command;
  }

  /** Runs on the CPU first, which may not take all of the time, and compares the others with it. */
  private List<TimedJob> calibrated(PhaseResult result) {
    List<TimedJob> jobs = new ArrayList<>();
    TimedJob reference = calibratedRun(CPU);
    run(reference, options.deadline().left() / 2, result);
    for (String backend : BACKENDS) {
      if (!backend.equals(CPU) && ParityPhase.usable(backend).isPresent()) {
        TimedJob job = calibratedRun(backend);
        run(job, options.deadline().left(), result);
        if (job.hasRun() && reference.hasRun()) {
          job.labels().put(AGREEMENT, ZeroAgreement.of(reference.output(), job.output()));
        }
        Directories.delete(job.output());
        jobs.add(job);
      }
    }
    Directories.delete(reference.output());
    jobs.add(reference);
    return jobs;
  }

  private TimedJob calibratedRun(String backend) {
    int samples = shapes.samples(options.phase());
    int length = shapes.sequenceLength(options.phase());
    Map<String, Object> labels = new LinkedHashMap<>();
    labels.put("run", "prune --calibration, %d x %d tokens".formatted(samples, length));
    labels.put("backend", backend);
    labels.put("verified", true);
    List<String> source =
        List.of(
            "--calibration",
            directory.resolve("samples.json").toString(),
            "--samples",
            Integer.toString(samples),
            "--sequence-length",
            Integer.toString(length));
    return new TimedJob(labels, prune(backend, true, source, output("calibrated-" + backend)));
  }

  private static void add(TimedJob job, PhaseResult result) {
    if (job.hasRun()) {
      result.row(row(job));
    } else {
      result.missing(job.labels(), job.failure());
    }
    if (job.isBroken()) {
      result.failed(job.labels() + ": " + job.failure());
    }
    if (job.labels().get(AGREEMENT) instanceof Double same && same < SAME_BITS) {
      result.failed("%s: only %s of the bits are the CPU's".formatted(job.labels(), same));
    }
  }

  private static Map<String, Object> row(TimedJob job) {
    Map<String, Object> row = new LinkedHashMap<>(job.labels());
    row.put("seconds", job.seconds().map());
    row.put("runs", job.count());
    if (row.containsKey("backend")) {
      row.put("device", job.last().json().path("device").asText());
      row.put("phases", job.last().json().path("seconds"));
      row.put("mask_sha256", String.join(" ", job.maskHashes()));
    }
    return row;
  }

  private static void report(
      TimedJob copy, List<TimedJob> prunes, ModelShape shape, PhaseResult result) {
    List<TimedJob> all = new ArrayList<>(prunes);
    all.add(0, copy);
    Set<String> masks = new TreeSet<>();
    for (TimedJob job : all) {
      if (job.hasRun()) {
        double seconds = job.seconds().median();
        job.labels().put("model_gigabytes_per_second", shape.bytes() / seconds / 1e9);
        if (copy.hasRun()) {
          job.labels().put("times_of_copy", seconds / copy.seconds().median());
        }
      }
      add(job, result);
      if (job != copy) {
        masks.addAll(job.maskHashes());
      }
    }
    result.fact("mask_sha256", masks);
    if (masks.size() > 1) {
      result.failed("backends don't agree on the masks: " + masks);
    }
  }
}
