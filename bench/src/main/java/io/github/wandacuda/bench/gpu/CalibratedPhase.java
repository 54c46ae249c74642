package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.bench.common.Directories;
import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.bench.common.ModelFiles;
import io.github.wandacuda.bench.common.ModelShape;
import io.github.wandacuda.bench.common.ProgramRun;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Prunes a whole model from as many samples as papers take, on one GPU, beside what its dry run
 * predicts. What a time-out leaves, the checkpoint and the unfinished output, stays in the work
 * folder, and the next call goes on with it.
 */
final class CalibratedPhase implements Phase {
  private static final List<String> BACKENDS = List.of("cuda", "opencl");

  /** The model, its output and the samples' hidden states, with room to spare. */
  private static final double DISK = 2.5;

  private final PhaseOptions options;
  private final Path directory;
  private final Path model;
  private final Path steps;

  CalibratedPhase(PhaseOptions options) {
    this.options = options;
    directory = options.work().resolve(options.phase());
    model = directory.resolve("model");
    steps = directory.resolve("steps.json");
  }

  @Override
  public void run(PhaseResult result) {
    Optional<String> backend =
        BACKENDS.stream().filter(name -> ParityPhase.usable(name).isPresent()).findFirst();
    if (backend.isEmpty()) {
      result.notRun(ParityPhase.whyNot(BACKENDS.get(0)));
      return;
    }
    Directories.create(directory);
    ModelShape shape = options.shapes().model(options.phase());
    if (!Files.exists(samples()) && Directories.usableSpace(directory) < DISK * shape.bytes()) {
      result.notRun("too little disk");
      return;
    }
    DeviceDescription device = ParityPhase.usable(backend.get()).orElseThrow();
    result.fact("device", device.name());
    result.fact("model_bytes", shape.bytes());
    write(shape);
    predict(backend.get(), result);
    prune(backend.get(), result);
  }

  private Path samples() {
    return directory.resolve("samples.json");
  }

  /** Writes the model and, at last, the samples, unless an earlier step has. */
  private void write(ModelShape shape) {
    if (Files.exists(samples())) {
      return;
    }
    Directories.delete(model);
    ModelFiles files = new ModelFiles(shape);
    files.writeModel(model, options.shapes().shardBytes());
    files.writeSamples(samples(), count(), length());
  }

  private int count() {
    return options.shapes().samples(options.phase());
  }

  private int length() {
    return options.shapes().sequenceLength(options.phase());
  }

  private List<String> program(String... words) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-jar", options.jar().toString()));
    command.addAll(List.of(words));
    command.addAll(List.of("--json", "--quiet", "--model", model.toString()));
    command.addAll(List.of("--samples", Integer.toString(count())));
    command.addAll(List.of("--sequence-length", Integer.toString(length())));
    return command;
  }

  /** Has the run's own dry run say what it will take, which measures a part of it. */
  private void predict(String backend, PhaseResult result) {
    List<String> command = prune(backend);
    command.add("--dry-run");
    try {
      JsonNode plan = new ProgramRun(directory).run(command, options.deadline().left()).json();
      result.fact("predicted_seconds", plan.path("estimated_seconds"));
      result.fact("predicted_seconds_least", plan.path("estimated_seconds_least"));
      result.fact("predicted_seconds_most", plan.path("estimated_seconds_most"));
    } catch (ProgramRun.FailedException e) {
      if (!e.isStopped()) {
        result.failed("prune --dry-run: " + e.getMessage());
      }
    }
  }

  private List<String> prune(String backend) {
    List<String> command = program("prune", "--backend", backend);
    command.addAll(List.of("--calibration", samples().toString()));
    command.addAll(List.of("--output", directory.resolve("output").toString()));
    return command;
  }

  private void prune(String backend, PhaseResult result) {
    List<String> command = prune(backend);
    command.addAll(List.of("--resume", "--checkpoint-every", "60"));
    double before = Files.exists(steps) ? Json.read(steps).path("seconds").asDouble() : 0;
    int earlier = Files.exists(steps) ? Json.read(steps).path("steps").asInt() : 0;
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("run", "prune --calibration, %d x %d tokens".formatted(count(), length()));
    row.put("backend", backend);
    row.put("steps", earlier + 1);
    long start = System.nanoTime();
    result.starts(row.values().toString());
    try {
      JsonNode run = new ProgramRun(directory).run(command, options.deadline().left()).json();
      row.put("seconds", before + (System.nanoTime() - start) / 1e9);
      row.put("phases", run.path("seconds"));
      row.put("mask_sha256", run.path("mask_sha256"));
      result.row(row);
      Directories.delete(directory);
    } catch (ProgramRun.FailedException e) {
      double spent = before + (System.nanoTime() - start) / 1e9;
      if (e.isStopped()) {
        Json.write(steps, Map.of("seconds", spent, "steps", earlier + 1));
        result.missing(row, "%s, to be gone on with by the same phase".formatted(e.getMessage()));
      } else {
        result.failed(e.getMessage());
        Directories.delete(directory);
      }
    }
  }
}
