package io.github.wandacuda.library;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Accuracy;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.Task;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.evaluate.Tasks;
import io.github.wandacuda.evaluate.TextFigures;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.compare.Comparison;
import io.github.wandacuda.job.convert.ConvertJob;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.pack.Packing;
import io.github.wandacuda.job.pack.PackingJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.verify.Inspector;
import io.github.wandacuda.job.verify.Verification;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.concurrent.CancellationException;
import java.util.function.Function;

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
  private ChosenDevice device = ChosenDevice.FIRST;
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
   * A model beside the dense one that it was made of.
   *
   * @param densePerplexity of the dense model
   * @param perplexity of the model
   * @param kl the mean Kullback-Leibler divergence of a position's prediction from the dense
   *     model's, in nats
   * @param top1Agreement the share of positions at which both find the same token the most probable
   */
  public record JudgedResult(
      double densePerplexity, double perplexity, double kl, double top1Agreement) {
    private static JudgedResult of(TextFigures figures) {
      return new JudgedResult(
          figures.dense(),
          figures.perplexity(),
          figures.divergence().kl(),
          figures.divergence().top1Agreement());
    }
  }

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
   * @param holdsStrictly whether nothing beside that is unproven either: no file was added and no
   *     weight fitted, as {@code --strict} asks for
   * @param mode which of these it was checked for, as the command's JSON names it
   * @param failures in words, each with its file, tensor and row; empty if it holds
   * @param added files beside the model that no loader reads and that nothing vouches for
   * @param unchecked keys of the record that neither weights nor source show
   * @param unproven tensors whose kept weights were fitted: of these nothing proves what they
   *     became, even where the output holds
   */
  public record Proof(
      boolean holds,
      boolean holdsStrictly,
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
   * What {@link #convert} wrote.
   *
   * @param modules linear ones in the blocks
   * @param bytesBefore of the source's shards
   * @param bytesAfter of the file
   * @param types how many tensors of each type the file has, by the types' names
   */
  public record ConvertResult(
      int modules, long bytesBefore, long bytesAfter, Map<String, Integer> types) {
    /** Copies the map. */
    public ConvertResult {
      types = Map.copyOf(types);
    }
  }

  /**
   * What a model scored on a task.
   *
   * @param task its name, or that of a group or subject of it
   * @param documents how many questions
   * @param accuracy share of them whose right answer was the most likely, from 0 to 1
   * @param standardError of the accuracy; nothing for a single document
   * @param normalized the accuracy by likelihoods for each character of the answer, of tasks that
   *     have it
   * @param normalizedError its standard error
   * @param groups of subjects, of tasks that have them
   * @param subjects of tasks that have them
   */
  public record TaskResult(
      String task,
      long documents,
      double accuracy,
      OptionalDouble standardError,
      OptionalDouble normalized,
      OptionalDouble normalizedError,
      List<TaskResult> groups,
      List<TaskResult> subjects) {
    /** Copies the lists. */
    public TaskResult {
      groups = List.copyOf(groups);
      subjects = List.copyOf(subjects);
    }
  }

  /**
   * What a model went on with.
   *
   * @param promptTokens how many ids the prompt has
   * @param tokens the new ids, the end token not among them
   * @param text what they say; nothing where ids were given
   * @param promptSeconds to run the prompt and choose the first token
   * @param tokensPerSecond without the first; 0 if there were no more
   * @param bytesPerToken of weights that a token reads; of a mixture of experts the most that it
   *     could read, whichever experts are chosen
   */
  public record GeneratedText(
      int promptTokens,
      List<Integer> tokens,
      Optional<String> text,
      double promptSeconds,
      double tokensPerSecond,
      long bytesPerToken) {
    /** Copies the list. */
    public GeneratedText {
      tokens = List.copyOf(tokens);
    }
  }

  /**
   * One method of a comparison, and what it leaves of the model.
   *
   * @param method as it was asked for, such as {@code wanda+swaps}
   * @param sparsity share of zeros in the pruned modules
   * @param perplexity on the text, or nothing if it isn't finite
   * @param kl the mean Kullback-Leibler divergence of a position's prediction from the dense
   *     model's, in nats, or nothing if it isn't finite
   * @param top1Agreement the share of positions at which both models find the same token the most
   *     probable
   * @param relativeError the modules' mean of {@code ||(W - V) X||^2 / ||W X||^2} over the samples
   * @param maskSha256 as {@code wanda-cuda.json} of the same run has it
   */
  public record ComparedMethod(
      String method,
      double sparsity,
      OptionalDouble perplexity,
      OptionalDouble kl,
      OptionalDouble top1Agreement,
      OptionalDouble relativeError,
      String maskSha256) {}

  /**
   * What a comparison measured.
   *
   * @param densePerplexity of the model as it is
   * @param methods in the order in which they were asked for
   */
  public record ComparisonResult(double densePerplexity, List<ComparedMethod> methods) {
    /** Copies the list. */
    public ComparisonResult {
      methods = List.copyOf(methods);
    }
  }

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
    device = device.at(name, index);
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
    device = device.threads(count);
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
                Inspector.inspect(source.modules(), device.threads(), progress).stream()
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
            try (Backend opened = device.open();
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
   * Measures perplexity and how far predictions are from those of the dense model, as {@code
   * wanda-cuda perplexity} with {@code --dense} does.
   *
   * @param text what both are measured on
   * @param dense the directory of the model that this one was made of, with the same vocabulary
   * @return figures, to the bit those of the command on the same device
   * @throws IOException if a file is wrong, or an activation isn't finite
   */
  public JudgedResult perplexity(TextSource text, Path dense) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model);
              ModelDirectory beside = ModelDirectory.open(dense)) {
            List<int[]> lists = List.of(text.read(source).windows());
            RunNeeds.requireMemory(source, lists, RunNeeds.judgingBytes(beside, lists));
            try (Backend opened = device.open()) {
              return JudgedResult.of(
                  InputFile.reading(
                      text.file(),
                      () ->
                          TextFigures.of(
                              beside,
                              source,
                              lists,
                              opened.forwards(),
                              opened.concurrency(),
                              progress)));
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
    return calibrate(samples, output, List.of());
  }

  /**
   * Writes norms and the scores of a mixture's experts, from which any number of these can be
   * removed, as {@code wanda-cuda calibrate --experts} does.
   *
   * @param samples run through the dense model
   * @param output a file that isn't there yet
   * @return what it holds
   * @throws IOException if a file is wrong or can't be written, or the model has no experts
   */
  public CalibrationResult calibrateExperts(SampleSource samples, Path output) throws IOException {
    return calibrate(samples, output, ExpertScore.CHEAP);
  }

  private CalibrationResult calibrate(SampleSource samples, Path output, List<ExpertScore> experts)
      throws IOException {
    return calibrating(
        samples,
        output,
        false,
        (source, decoder, drawn) -> {
          List<int[]> tokens = List.of(drawn.tokens());
          Statistics statistics =
              DenseCalibration.run(decoder, tokens, experts, progress).joined(drawn.joined());
          if (!experts.isEmpty() && statistics.experts().isEmpty()) {
            throw ErrorDetails.file(source.config().file())
                .wrong("a mixture of experts", "none in the decoder");
          }
          AtomicWrite.replace(output, statistics.content());
          return statistics;
        });
  }

  /**
   * Writes norms and the second moments of the inputs, which methods need that change weights or
   * swap, as {@code wanda-cuda calibrate --second-moments} does. They are larger than the model.
   *
   * @param samples run through the dense model
   * @param output a file that isn't there yet
   * @return what it holds
   * @throws IOException if a file is wrong or can't be written
   */
  public CalibrationResult calibrateMoments(SampleSource samples, Path output) throws IOException {
    return calibrating(
        samples,
        output,
        true,
        (source, decoder, drawn) -> {
          MomentsCalibration moments = MomentsCalibration.of(source, decoder, drawn, progress);
          AtomicWrite.replace(output, moments);
          return moments.statistics();
        });
  }

  @FunctionalInterface
  private interface Calibrating {
    Statistics run(ModelDirectory source, Decoder decoder, CalibrationSamples drawn);
  }

  private CalibrationResult calibrating(
      SampleSource samples, Path output, boolean moments, Calibrating work) throws IOException {
    return Calls.of(
        () -> {
          if (Files.exists(output)) {
            throw new UsageException(output + ": expected no such file, found one");
          }
          try (ModelDirectory source = ModelDirectory.open(model)) {
            CalibrationSamples drawn = samples.draw(source);
            RunNeeds.requireMemory(
                source,
                List.of(drawn.tokens()),
                moments ? RunNeeds.momentsBytes(source.modules()) : 0);
            try (Backend opened = device.open();
                Decoder decoder = DecoderFamilies.open(source, opened.forwards(moments))) {
              Statistics statistics = work.run(source, decoder, drawn);
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
    return verify(pruned, Verifier.Claim.NONE);
  }

  /**
   * Checks a pruned directory by what is claimed of it. What the claim leaves open is taken from
   * the directory's record.
   *
   * @param pruned what a run has written, packed or not
   * @param claimed what was done to it
   * @return what was found; failures are a result, not an exception
   * @throws IOException if this model is broken or the directory isn't there
   */
  public Proof verify(Path pruned, PruningClaim claimed) throws IOException {
    return verify(pruned, claimed.claim());
  }

  private Proof verify(Path pruned, Verifier.Claim claim) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            Verification found = Verifier.verify(source, pruned, claim, device.threads(), progress);
            return new Proof(
                found.holds(),
                found.holdsStrictly(),
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
    return packed(Packing.PACK, output);
  }

  /**
   * Undoes {@link #pack}, to the byte, as {@code wanda-cuda unpack} does.
   *
   * @param output a directory that doesn't exist yet or is empty
   * @return the sizes
   * @throws IOException if a file is wrong or can't be written
   */
  public PackResult unpack(Path output) throws IOException {
    return packed(Packing.UNPACK, output);
  }

  /**
   * Writes the model as a file in GGUF, as {@code wanda-cuda convert} does.
   *
   * @param output a file that doesn't exist yet
   * @param type of the matrices, such as {@code Q8_0}
   * @return the sizes, and how many tensors of each type the file has
   * @throws IOException if a file is wrong or can't be written, or the model has no form in GGUF
   */
  public ConvertResult convert(Path output, String type) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            ConvertJob.Result result =
                new ConvertJob(source, output, type, true).run(device.threads(), progress);
            return new ConvertResult(
                result.modules(), result.bytesBefore(), result.bytesAfter(), result.types());
          }
        });
  }

  private PackResult packed(Packing direction, Path output) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            PackingJob.Result result =
                new PackingJob(direction, source, output, false, true)
                    .run(device.threads(), progress);
            return new PackResult(result.modules(), result.bytesBefore(), result.bytesAfter());
          }
        });
  }

  /**
   * Removes whole parts, so that an ordinary smaller model is left, as {@code wanda-cuda prune
   * --structure} does.
   *
   * @param removal which parts
   * @param samples score them, and fit what is left
   * @param output a directory that doesn't exist yet or is empty, or is gone on with
   * @return what went
   * @throws IOException if a file is wrong or can't be written, or the model has no such parts
   */
  public PartRemoval.Result removeParts(PartRemoval removal, SampleSource samples, Path output)
      throws IOException {
    Map<String, List<Path>> files =
        samples.path().map(file -> Map.of("calibration", List.of(file))).orElse(Map.of());
    return removeParts(removal, samples::calibration, files, output);
  }

  /**
   * Removes experts by their scores in a file; what is left stays as it is.
   *
   * @param removal which experts
   * @param statistics that {@link #calibrateExperts} has written
   * @param output a directory that doesn't exist yet or is empty, or is gone on with
   * @return what went
   * @throws IOException if a file is wrong or can't be written, or the model has no experts
   */
  public PartRemoval.Result removeParts(PartRemoval removal, Path statistics, Path output)
      throws IOException {
    return removeParts(
        removal,
        source -> Calibration.FromStatistics.read(statistics),
        Map.of("statistics", List.of(statistics)),
        output);
  }

  private PartRemoval.Result removeParts(
      PartRemoval removal,
      Function<ModelDirectory, Calibration> scores,
      Map<String, List<Path>> files,
      Path output)
      throws IOException {
    Objects.requireNonNull(output, "output");
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model);
              Backend opened = device.open()) {
            source.requireUnpacked("prune");
            source.requireDirectory("removing parts by this class");
            return removal.run(source, opened, scores.apply(source), files, output, progress);
          }
        });
  }

  /**
   * Measures what methods leave of the model, as {@code wanda-cuda compare} does. No model is
   * written: weights are pruned in memory, a block at a time.
   *
   * @param methods names with what follows them after a plus, such as {@code wanda}, {@code
   *     sparsegpt}, {@code wanda+swaps} or {@code wanda+alps}
   * @param amount how much goes
   * @param samples by which each is calibrated as {@link ModelPruner} does it
   * @param text that perplexity is measured on
   * @return perplexities, errors and digests of masks
   * @throws IOException if a file is wrong or a number isn't finite
   */
  public ComparisonResult compare(
      List<String> methods, Sparsity amount, SampleSource samples, TextSource text)
      throws IOException {
    return Calls.of(
        () -> {
          List<PruningRules> rules = MethodComparison.rules(methods, amount);
          try (ModelDirectory source = ModelDirectory.open(model);
              Backend opened = device.open()) {
            return MethodComparison.run(
                new Comparison(
                    source,
                    opened,
                    ModuleChoice.DEFAULT,
                    samples.calibration(source),
                    text.read(source),
                    Optional.empty(),
                    false,
                    false),
                rules,
                progress);
          }
        });
  }

  /**
   * Measures accuracy on zero-shot tasks by log-likelihood, as {@code wanda-cuda evaluate} does.
   *
   * @param tasks names that the command's help lists, or files that end in {@code .jsonl}
   * @param data the folder below which the tasks' files lie; null where all tasks are files
   * @param limit how many documents of each task at most, 1 or more
   * @return one for each task, in their order
   * @throws IOException if a file is wrong, or an activation isn't finite
   */
  public List<TaskResult> evaluate(List<String> tasks, Path data, long limit) throws IOException {
    return Calls.of(
        () -> {
          if (limit < 1) {
            throw new UsageException("limit: expected 1 or more, found " + limit);
          }
          List<Task> read =
              Tasks.read(Tasks.parse(String.join(",", tasks), data != null), data, limit);
          try (ModelDirectory source = ModelDirectory.open(model);
              TokenizerProcess tokenizer = TokenizerProcess.open(source.tokenizer());
              Backend opened = device.open();
              Decoder decoder = DecoderFamilies.open(source, opened.forwards())) {
            Evaluation evaluation = Evaluation.of(read, source, tokenizer, true);
            RunNeeds.requireMemory(source, List.of(), evaluation.stateBytes(decoder.hiddenSize()));
            return evaluation.run(decoder, progress).stream().map(ModelJobs::result).toList();
          }
        });
  }

  private static TaskResult result(TaskScore score) {
    return result(
        score.task(), score.figures(), results(score.groups()), results(score.subjects()));
  }

  private static List<TaskResult> results(SortedMap<String, TaskFigures> parts) {
    return parts.entrySet().stream()
        .map(part -> result(part.getKey(), part.getValue(), List.of(), List.of()))
        .toList();
  }

  private static TaskResult result(
      String task, TaskFigures figures, List<TaskResult> groups, List<TaskResult> subjects) {
    Optional<Accuracy> normalized = Optional.ofNullable(figures.normalized());
    return new TaskResult(
        task,
        figures.documents(),
        figures.accuracy().mean(),
        finite(figures.accuracy().standardError()),
        normalized.map(of -> OptionalDouble.of(of.mean())).orElse(OptionalDouble.empty()),
        normalized.map(of -> finite(of.standardError())).orElse(OptionalDouble.empty()),
        groups,
        subjects);
  }

  private static OptionalDouble finite(double value) {
    return Double.isFinite(value) ? OptionalDouble.of(value) : OptionalDouble.empty();
  }

  /**
   * Goes on with a text by the most probable token each time, as {@code wanda-cuda generate} does.
   *
   * @param prompt text of one token or more
   * @param limit how many tokens at most, 1 or more
   * @return what followed; it ends early at an end token or where the model has no more positions
   * @throws IOException if a file is wrong, or the model has no tokenizer
   */
  public GeneratedText generate(String prompt, int limit) throws IOException {
    return generate(prompt, limit, Sampling.GREEDY);
  }

  /**
   * Goes on with a text.
   *
   * @param prompt text of one token or more
   * @param limit how many tokens at most, 1 or more
   * @param sampling how each token is chosen
   * @return what followed; it ends early at an end token or where the model has no more positions
   * @throws IOException if a file is wrong, or the model has no tokenizer
   */
  public GeneratedText generate(String prompt, int limit, Sampling sampling) throws IOException {
    Objects.requireNonNull(prompt, "prompt");
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model);
              TokenizerProcess tokenizer = TokenizerProcess.open(source.tokenizer())) {
            int[] ids = tokenizer.encode(prompt);
            return generated(source, ids, limit, sampling, Optional.of(tokenizer));
          }
        });
  }

  /**
   * Goes on with token ids.
   *
   * @param prompt one or more ids of the model's vocabulary
   * @param limit how many tokens at most, 1 or more
   * @param sampling how each token is chosen
   * @return what followed, without text
   * @throws IOException if a file is wrong
   */
  public GeneratedText generate(int[] prompt, int limit, Sampling sampling) throws IOException {
    int[] ids = prompt.clone();
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            return generated(source, ids, limit, sampling, Optional.empty());
          }
        });
  }

  private GeneratedText generated(
      ModelDirectory source,
      int[] ids,
      int limit,
      Sampling sampling,
      Optional<Tokenizer> tokenizer) {
    try (Backend opened = device.open()) {
      return new TextGeneration(source, opened, limit, sampling, tokenizer).run(ids);
    }
  }
}
