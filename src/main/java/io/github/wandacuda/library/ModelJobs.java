package io.github.wandacuda.library;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.Inspector;
import io.github.wandacuda.job.Packing;
import io.github.wandacuda.job.PackingJob;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.job.Verification;
import io.github.wandacuda.job.Verifier;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ModelDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;

/**
 * Jobs of the command line on a model's directory, beside pruning, which {@link ModelPruner} does:
 * each gives the numbers and files of its command.
 *
 * <pre>{@code
 * ModelJobs dense = ModelJobs.of(Path.of("model"));
 * double before = dense.perplexity(TextSource.of(Path.of("wiki.txt"))).perplexity();
 * boolean proven = dense.verify(Path.of("pruned")).holds();
 * }</pre>
 *
 * <p>Every call throws {@link IllegalArgumentException} if what is asked for contradicts itself or
 * doesn't fit the model, {@link IllegalStateException} if there is no such device, it fails, or a
 * dependency is missing, {@link IOException} if a file can't be read, isn't what it should be or
 * can't be written, and {@link CancellationException} if the calling thread is interrupted. Not for
 * several threads at once; jobs of several objects may go side by side.
 */
public final class ModelJobs {
  private final Path model;
  private String backend = Backends.AUTO;
  private int device;
  private int threads = Runtime.getRuntime().availableProcessors();
  private Progress progress = Progress.NONE;

  private ModelJobs(Path model) {
    this.model = Objects.requireNonNull(model, "model");
  }

  /**
   * What {@link #inspect} found.
   *
   * @param modelType as {@code config.json} has it, or an empty text
   * @param architecture as {@code config.json} has it, or an empty text
   * @param parameters weights and other numbers, without scales
   * @param bytes of all tensors
   * @param modules the linear modules, in the natural order of their names
   */
  public record Inspection(
      String modelType,
      String architecture,
      long parameters,
      long bytes,
      List<LinearLayer> modules) {
    /** Copies the list. */
    public Inspection {
      modules = List.copyOf(modules);
    }

    /** {@return the weights of the modules that are zero} */
    public long zeros() {
      return modules.stream().mapToLong(LinearLayer::zeros).sum();
    }
  }

  /**
   * A linear module's weight, [rows, columns], which is [out_features, in_features].
   *
   * @param name of the module, without {@code .weight}
   * @param dtype of the stored tensor, as safetensors names it
   * @param rows outputs
   * @param columns inputs
   * @param zeros weights that are zero; 0 for a type that isn't read
   * @param patterns which of 2:4 and 4:8 hold in every group of every row
   */
  public record LinearLayer(
      String name, String dtype, int rows, int columns, long zeros, List<String> patterns) {
    /** Copies the list. */
    public LinearLayer {
      patterns = List.copyOf(patterns);
    }
  }

  /**
   * A perplexity.
   *
   * @param perplexity {@code exp} of the mean negative log-likelihood of a token, in nats
   * @param windows over which it is the mean
   * @param tokens of all windows
   */
  public record PerplexityResult(double perplexity, int windows, long tokens) {}

  /**
   * What a calibration wrote.
   *
   * @param modules whose norms it has
   * @param samples that ran through the model
   * @param sequenceLength tokens of each
   */
  public record CalibrationResult(int modules, int samples, int sequenceLength) {}

  /**
   * What {@link #verify} found.
   *
   * @param holds whether the output is its source with weights zeroed, or parts removed, as its
   *     {@code wanda-cuda.json} says
   * @param mode which of these it was checked for, as the command's JSON names it
   * @param failures in words, each with its file, tensor and row; empty if it holds
   * @param added files beside the model that no loader reads and that nothing vouches for
   * @param unchecked keys of the record that neither weights nor source show
   * @param unproven tensors whose kept weights were fitted: of these nothing proves what they
   *     became, even where the output holds
   */
  public record Proof(
      boolean holds,
      String mode,
      List<String> failures,
      List<Path> added,
      List<String> unchecked,
      List<String> unproven) {
    /** Copies the lists. */
    public Proof {
      failures = List.copyOf(failures);
      added = List.copyOf(added);
      unchecked = List.copyOf(unchecked);
      unproven = List.copyOf(unproven);
    }
  }

  /**
   * What packing or unpacking came to.
   *
   * @param modules that are packed, or were
   * @param bytesBefore of the source's shards
   * @param bytesAfter of the written shards
   */
  public record PackResult(int modules, long bytesBefore, long bytesAfter) {}

  /**
   * {@return the jobs of a model}
   *
   * @param model its directory: {@code config.json} and safetensors files
   */
  public static ModelJobs of(Path model) {
    return new ModelJobs(model);
  }

  /**
   * Chooses the device that runs text through the model.
   *
   * @param name as {@link Pruner.Builder#backend} takes it
   * @param index its number within its backend
   * @return this
   */
  public ModelJobs device(String name, int index) {
    backend = Objects.requireNonNull(name, "name");
    device = index;
    return this;
  }

  /**
   * Sets how many threads work on the CPU.
   *
   * @param count how many, 1 or more; all processors by default
   * @return this
   * @throws IllegalArgumentException if it is less than 1
   */
  public ModelJobs threads(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("threads: expected at least 1, found " + count);
    }
    threads = count;
    return this;
  }

  /**
   * Sets what hears how far a job is.
   *
   * @param hears called by the calling thread or one of the job's
   * @return this
   */
  public ModelJobs listener(ModelPruner.Listener hears) {
    progress = Objects.requireNonNull(hears, "hears")::done;
    return this;
  }

  /**
   * Looks at all weights, as {@code wanda-cuda inspect} does.
   *
   * @return shapes, types, zeros and patterns
   * @throws IOException if a file is wrong
   */
  public Inspection inspect() throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            return new Inspection(
                source.config().modelType(),
                source.config().architecture(),
                source.parameters(),
                source.checkpoint().totalBytes(),
                Inspector.inspect(source.modules(), threads, progress).stream()
                    .map(ModelJobs::layer)
                    .sorted(Comparator.comparing(LinearLayer::name, TensorNames.NATURAL))
                    .toList());
          }
        });
  }

  private static LinearLayer layer(Inspector.Inspection found) {
    return new LinearLayer(
        found.module().name(),
        found.module().tensor().dtype(),
        found.module().rows(),
        found.module().columns(),
        found.zeros(),
        found.patterns());
  }

  /**
   * Measures perplexity, as {@code wanda-cuda perplexity} does.
   *
   * @param text what it is measured on
   * @return the perplexity, to the bit that of the command on the same device
   * @throws IOException if a file is wrong, or an activation isn't finite
   */
  public PerplexityResult perplexity(TextSource text) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            EvaluationWindows windows = text.read(source);
            List<int[]> lists = List.of(windows.windows());
            RunNeeds.requireMemory(source, lists, 0);
            try (Backend opened = Backends.open(backend, device, threads).backend();
                Decoder decoder = DecoderFamilies.open(source, opened.forwards())) {
              return new PerplexityResult(
                  InputFile.reading(text.file(), () -> Perplexity.of(decoder, lists, progress)),
                  windows.count(),
                  windows.tokens());
            }
          }
        });
  }

  /**
   * Writes the norms of the inputs of all linear modules, as {@code wanda-cuda calibrate} does.
   *
   * @param samples run through the dense model
   * @param output a file that isn't there yet, which {@link ModelPruner#statistics} takes
   * @return what it holds
   * @throws IOException if a file is wrong or can't be written
   */
  public CalibrationResult calibrate(SampleSource samples, Path output) throws IOException {
    return Calls.of(
        () -> {
          if (Files.exists(output)) {
            throw new UsageException(output + ": expected no such file, found one");
          }
          try (ModelDirectory source = ModelDirectory.open(model)) {
            CalibrationSamples drawn = samples.draw(source);
            List<int[]> tokens = List.of(drawn.tokens());
            RunNeeds.requireMemory(source, tokens, 0);
            try (Backend opened = Backends.open(backend, device, threads).backend();
                Decoder decoder = DecoderFamilies.open(source, opened.forwards(false))) {
              Statistics statistics =
                  DenseCalibration.run(decoder, tokens, List.of(), progress).joined(drawn.joined());
              AtomicWrite.replace(output, statistics.content());
              return new CalibrationResult(
                  statistics.norms().size(), statistics.samples(), statistics.sequenceLength());
            }
          }
        });
  }

  /**
   * Checks a pruned directory against this model, its dense source, as {@code wanda-cuda verify}
   * does.
   *
   * @param pruned what a run has written, packed or not
   * @return what was found; failures are a result, not an exception
   * @throws IOException if this model is broken or the directory isn't there
   */
  public Proof verify(Path pruned) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            Verification found =
                Verifier.verify(source, pruned, Verifier.Claim.NONE, threads, progress);
            return new Proof(
                found.holds(),
                found.mode(),
                found.failures(),
                found.added(),
                found.unchecked(),
                found.unproven());
          }
        });
  }

  /**
   * Leaves the zeros of this pruned model out, as {@code wanda-cuda pack} does, and compares what
   * was written.
   *
   * @param output a directory that doesn't exist yet or is empty
   * @return how much smaller it is
   * @throws IOException if a file is wrong or can't be written
   */
  public PackResult pack(Path output) throws IOException {
    return convert(Packing.PACK, output);
  }

  /**
   * Undoes {@link #pack}, to the byte, as {@code wanda-cuda unpack} does.
   *
   * @param output a directory that doesn't exist yet or is empty
   * @return the sizes
   * @throws IOException if a file is wrong or can't be written
   */
  public PackResult unpack(Path output) throws IOException {
    return convert(Packing.UNPACK, output);
  }

  private PackResult convert(Packing direction, Path output) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            PackingJob.Result result =
                new PackingJob(direction, source, output, false, true).run(threads, progress);
            return new PackResult(result.modules(), result.bytesBefore(), result.bytesAfter());
          }
        });
  }
}
