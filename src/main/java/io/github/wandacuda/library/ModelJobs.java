package io.github.wandacuda.library;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.DenseCalibration;
import io.github.wandacuda.calibration.DenseCalibration.MomentsCalibration;
import io.github.wandacuda.calibration.EvaluationWindows;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.evaluate.Accuracy;
import io.github.wandacuda.evaluate.Evaluation;
import io.github.wandacuda.evaluate.Generation;
import io.github.wandacuda.evaluate.OpenDecoder;
import io.github.wandacuda.evaluate.Sampler;
import io.github.wandacuda.evaluate.SpecialTokens;
import io.github.wandacuda.evaluate.Task;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.evaluate.TaskScore;
import io.github.wandacuda.evaluate.Tasks;
import io.github.wandacuda.evaluate.TextStream;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.Calibration;
import io.github.wandacuda.job.ComparedRun;
import io.github.wandacuda.job.Comparison;
import io.github.wandacuda.job.ComparisonWork;
import io.github.wandacuda.job.Inspector;
import io.github.wandacuda.job.Packing;
import io.github.wandacuda.job.PackingJob;
import io.github.wandacuda.job.RemovalRequest;
import io.github.wandacuda.job.RunNeeds;
import io.github.wandacuda.job.SharedSparsity;
import io.github.wandacuda.job.StructureChoice;
import io.github.wandacuda.job.StructureJob;
import io.github.wandacuda.job.StructureRequest;
import io.github.wandacuda.job.Verification;
import io.github.wandacuda.job.Verifier;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.WeightKeeping;
import io.github.wandacuda.pruning.Method;
import io.github.wandacuda.pruning.ModuleRules;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Structure;
import io.github.wandacuda.pruning.Unreached;
import io.github.wandacuda.text.TokenLists;
import io.github.wandacuda.text.Tokenizer;
import io.github.wandacuda.text.TokenizerProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;

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
   * What a model scored on a task.
   *
   * @param documents of the task
   * @param accuracy share of them whose right answer was the most likely, from 0 to 1
   * @param standardError of the accuracy
   * @param normalized the accuracy by likelihoods for each byte of the answer, of tasks that have
   *     it
   */
  public record TaskResult(
      long documents, double accuracy, double standardError, OptionalDouble normalized) {}

  /**
   * What a model went on with.
   *
   * @param tokens the new ids, the end token not among them
   * @param text what they say, or nothing of a model without {@code tokenizer.json}
   * @param tokensPerSecond without the first; 0 if there were no more
   */
  public record GeneratedText(List<Integer> tokens, Optional<String> text, double tokensPerSecond) {
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
   * @param relativeError the modules' mean of {@code ||(W - V) X||^2 / ||W X||^2} over the samples
   * @param maskSha256 as {@code wanda-cuda.json} of the same run has it
   */
  public record ComparedMethod(
      String method,
      double sparsity,
      OptionalDouble perplexity,
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
            try (Backend opened = Backends.open(backend, device, threads).backend();
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
   * does. What {@code --strict} asks for beside it is that {@link Proof#unproven} is empty.
   *
   * @param pruned what a run has written, packed or not
   * @return what was found; failures are a result, not an exception
   * @throws IOException if this model is broken or the directory isn't there
   */
  public Proof verify(Path pruned) throws IOException {
    return verify(pruned, Verifier.Claim.NONE);
  }

  /**
   * Checks a pruned directory by what is claimed of the modules that its record names, or of all
   * modules if it has no record.
   *
   * @param pruned what a run has written, packed or not
   * @param claimed how much of the linear modules' rows or groups is zero
   * @return what was found
   * @throws IOException if this model is broken or the directory isn't there
   */
  public Proof verify(Path pruned, Sparsity claimed) throws IOException {
    Objects.requireNonNull(claimed, "claimed");
    return verify(pruned, new Verifier.Claim(null, claimed, null));
  }

  private Proof verify(Path pruned, Verifier.Claim claim) throws IOException {
    return Calls.of(
        () -> {
          try (ModelDirectory source = ModelDirectory.open(model)) {
            Verification found = Verifier.verify(source, pruned, claim, threads, progress);
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

  /**
   * Removes whole parts, so that an ordinary smaller model is left, as {@code wanda-cuda prune
   * --structure} does, and compares what was written.
   *
   * @param removal which parts
   * @param samples score them, and fit what is left
   * @param output a directory that doesn't exist yet or is empty
   * @return what went
   * @throws IOException if a file is wrong or can't be written, or the model has no such parts
   */
  public PartRemoval.Result removeParts(PartRemoval removal, SampleSource samples, Path output)
      throws IOException {
    return Calls.of(
        () -> {
          RemovalRequest asked = removal.request();
          try (ModelDirectory source = ModelDirectory.open(model);
              Backend opened = Backends.open(backend, device, threads).backend()) {
            source.requireUnpacked("prune");
            asked.check(source);
            Calibration calibration = samples.calibration(source);
            Structure.Update update = asked.update(source, calibration, why -> {});
            StructureChoice.Chosen chosen =
                asked.choose(source, opened, calibration, update, true, progress);
            StructureJob job =
                new StructureJob(
                    new StructureRequest(
                        output,
                        asked,
                        chosen.removed(),
                        asked.chosenShare(source, calibration, update, chosen.trials().size()),
                        update,
                        calibration,
                        Map.of(),
                        StructureRequest.largestShard(source),
                        false,
                        true,
                        true,
                        DirectIo.IoMode.AUTO),
                    source);
            job.run(opened, new PhaseClock(threads), progress, Optional.empty(), () -> {});
            Map<String, Integer> went = new LinkedHashMap<>();
            job.removed()
                .kinds()
                .keySet()
                .forEach(kind -> went.put(kind.label(), job.removed().count(kind)));
            return new PartRemoval.Result(
                went,
                source.parameters(),
                job.planned().parameters(),
                source.checkpoint().totalBytes(),
                job.smaller().totalBytes());
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
          List<PruningRules> rules =
              methods.stream()
                  .map(method -> ModuleRules.of(method, amount, Method.WITHOUT_FILES, "method"))
                  .map(each -> new PruningRules(each, Unreached.MAGNITUDE))
                  .toList();
          try (ModelDirectory source = ModelDirectory.open(model);
              Backend opened = Backends.open(backend, device, threads).backend()) {
            Comparison comparison =
                new Comparison(
                    source,
                    opened,
                    ModuleChoice.DEFAULT,
                    samples.calibration(source),
                    text.read(source),
                    Optional.empty(),
                    false,
                    false);
            rules.forEach(comparison::check);
            comparison.requireMemory(rules);
            Measurements measured = new Measurements(rules.size());
            progress.begin(0);
            comparison.measure(parts(rules), rules.size() + 1, progress, measured);
            return new ComparisonResult(
                measured.dense, Stream.of(measured.runs).map(ModelJobs::compared).toList());
          }
        });
  }

  /** The dense model, and each method behind it. */
  private static List<ComparisonWork.Part> parts(List<PruningRules> rules) {
    List<ComparisonWork.Part> parts = new ArrayList<>();
    parts.add(new ComparisonWork.Part(0, null));
    for (PruningRules each : rules) {
      SharedSparsity alike = new SharedSparsity(each, null);
      parts.add(
          new ComparisonWork.Part(
              parts.size(), sharing -> new Comparison.Way(each.label(), null, alike, null)));
    }
    return parts;
  }

  private static final class Measurements implements ComparisonWork.Measured {
    private final ComparedRun[] runs;
    private double dense;

    Measurements(int methods) {
      runs = new ComparedRun[methods];
    }

    @Override
    public void dense(ComparedRun.DenseFigures figures) {
      dense = figures.perplexity();
    }

    @Override
    public void run(int place, ComparedRun run) {
      runs[place - 1] = run;
    }
  }

  private static ComparedMethod compared(ComparedRun run) {
    return new ComparedMethod(
        run.method(), run.zeros(), run.perplexity(), run.relativeError(), run.maskSha256());
  }

  /**
   * Measures accuracy on zero-shot tasks by log-likelihood, as {@code wanda-cuda evaluate} does.
   *
   * @param tasks names that the command's help lists, or files that end in {@code .jsonl}
   * @param data the folder below which the tasks' files lie; null where all tasks are files
   * @param limit how many documents of each task at most, 1 or more
   * @return by task, in their order
   * @throws IOException if a file is wrong, or an activation isn't finite
   */
  public Map<String, TaskResult> evaluate(List<String> tasks, Path data, long limit)
      throws IOException {
    return Calls.of(
        () -> {
          if (limit < 1) {
            throw new UsageException("limit: expected 1 or more, found " + limit);
          }
          List<Task> read =
              Tasks.read(Tasks.parse(String.join(",", tasks), data != null), data, limit);
          try (ModelDirectory source = ModelDirectory.open(model);
              TokenizerProcess tokenizer = TokenizerProcess.open(model);
              Backend opened = Backends.open(backend, device, threads).backend();
              Decoder decoder = DecoderFamilies.open(source, opened.forwards())) {
            Evaluation evaluation = Evaluation.of(read, source, tokenizer, true);
            RunNeeds.requireMemory(source, List.of(), evaluation.stateBytes(decoder.hiddenSize()));
            Map<String, TaskResult> results = new LinkedHashMap<>();
            for (TaskScore score : evaluation.run(decoder, progress)) {
              results.put(score.task(), result(score.figures()));
            }
            return Collections.unmodifiableMap(results);
          }
        });
  }

  private static TaskResult result(TaskFigures figures) {
    Accuracy normalized = figures.normalized();
    return new TaskResult(
        figures.documents(),
        figures.accuracy().mean(),
        figures.accuracy().standardError(),
        normalized == null ? OptionalDouble.empty() : OptionalDouble.of(normalized.mean()));
  }

  /**
   * Goes on with a text by the most probable token each time, as {@code wanda-cuda generate} does.
   *
   * @param prompt text of one token or more
   * @param limit how many tokens at most, 1 or more
   * @return what followed; it ends early at an end token or where the model has no more positions
   * @throws IOException if a file is wrong, or the model has no {@code tokenizer.json}
   */
  public GeneratedText generate(String prompt, int limit) throws IOException {
    Objects.requireNonNull(prompt, "prompt");
    return Calls.of(
        () -> {
          try (TokenizerProcess tokenizer = TokenizerProcess.open(model)) {
            return generated(tokenizer.encode(prompt), limit, Optional.of(tokenizer));
          }
        });
  }

  /**
   * Goes on with token ids by the most probable one each time.
   *
   * @param prompt one or more ids of the model's vocabulary
   * @param limit how many tokens at most, 1 or more
   * @return what followed, without text
   * @throws IOException if a file is wrong
   */
  public GeneratedText generate(int[] prompt, int limit) throws IOException {
    int[] ids = prompt.clone();
    return Calls.of(() -> generated(ids, limit, Optional.empty()));
  }

  private GeneratedText generated(int[] ids, int limit, Optional<Tokenizer> tokenizer) {
    if (limit < 1) {
      throw new UsageException("limit: expected 1 or more, found " + limit);
    }
    try (ModelDirectory source = ModelDirectory.open(model);
        Backend opened = Backends.open(backend, device, threads).backend()) {
      DecoderShape shape = DecoderFamilies.shape(source);
      TokenLists.requirePrompt(
          shape.maximumLength(), shape.vocabulary(), ids, ErrorDetails.of("prompt"));
      int most = Math.min(limit, shape.maximumLength() - ids.length);
      try (OpenDecoder decoder =
          OpenDecoder.of(source, opened.operations(), WeightKeeping.RESIDENT, ids.length + most)) {
        Generation generation =
            Generation.run(
                decoder.cached(),
                ids,
                most,
                Sampler.of(0, 1, 0),
                SpecialTokens.ends(source.config()),
                id -> {});
        return new GeneratedText(
            generation.tokens(),
            tokenizer.map(of -> TextStream.of(of, ids, generation.tokens())),
            generation.tokensPerSecond());
      }
    }
  }
}
