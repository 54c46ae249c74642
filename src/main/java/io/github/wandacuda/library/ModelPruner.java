package io.github.wandacuda.library;

import io.github.wandacuda.PruneResult;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.CalibrationSamples;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.forward.Precision;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.prune.MaskInputs;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.prune.PruningPlan;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.model.DecoderShape;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.Allocation;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.Labelled;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.function.Function;
import java.util.regex.Pattern;

/**
 * Prunes a model's directory into another one, as {@code wanda-cuda prune} does: weights stream
 * from file to file, the masks are the same to the bit, what was written is checked, and an
 * interrupted run goes on where it stopped.
 *
 * <pre>{@code
 * ModelPruner.Result result =
 *     ModelPruner.of(Path.of("model"))
 *         .sparsity(Sparsity.pattern(2, 4))
 *         .samples(tokens)
 *         .prune(Path.of("pruned"));
 * System.out.println(result.maskSha256());
 * }</pre>
 *
 * <p>Not for several threads at once; runs of several pruners may go side by side.
 */
public final class ModelPruner {
  private final Path model;
  private ChosenDevice device = ChosenDevice.FIRST;
  private final Map<MethodKey, Object> said = new EnumMap<>(MethodKey.class);
  private Path recipe;
  private List<Pattern> include = List.of();
  private List<Pattern> exclude = List.of();
  private List<int[]> samples = List.of();
  private Path statistics;
  private SampleSource source;
  private Allocation allocation;
  private List<Path> masks = List.of();
  private boolean union;
  private Unreached unreached = Unreached.MAGNITUDE;
  private boolean requantize;
  private boolean packed;
  private boolean resume;
  private boolean verify = true;
  private boolean card = true;
  private Listener listener = (what, done, total, share) -> {};

  private ModelPruner(Path model) {
    this.model = Objects.requireNonNull(model, "model");
  }

  /** Hears how far a run is. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Takes note of a step that is done.
     *
     * @param what the kind of step, such as {@code block}
     * @param done steps of this kind that are done
     * @param total steps of this kind in all
     * @param share of all work, from 0 to 1
     */
    void done(String what, long done, long total, double share);
  }

  /**
   * What became of a module.
   *
   * @param name of the module, without {@code .weight}
   * @param counts its shape, what its mask prunes, and its zeros
   * @param relativeError {@code ||(W - V) X||^2 / ||W X||^2} over the samples, of methods that have
   *     the second moments of their inputs
   */
  public record Module(String name, PruneResult counts, OptionalDouble relativeError) {}

  /**
   * What came of a run.
   *
   * @param weights of all chosen modules
   * @param pruned weights that the masks take out
   * @param zeros weights of the result that are zero
   * @param maskSha256 the SHA-256 of the packed masks in the natural order of the modules' names,
   *     in hexadecimal, as {@code wanda-cuda.json} has it
   * @param modules in that order; empty if an earlier run had finished the output
   */
  public record Result(
      long weights, long pruned, long zeros, String maskSha256, List<Module> modules) {
    /** Copies the list. */
    public Result {
      modules = List.copyOf(modules);
    }

    /** {@return the share of zeros in the chosen modules, 0 if there are no weights} */
    public double sparsity() {
      return weights == 0 ? 0 : (double) zeros / weights;
    }
  }

  /**
   * What came of a part of a run.
   *
   * @param done how many parts are done, this one included
   * @param modules that this part pruned, in the natural order of their names; of the part that
   *     completed the output all; empty if the output was complete before
   * @param whole the result of all parts, if the output is complete
   */
  public record PartResult(int done, List<Module> modules, Optional<Result> whole) {
    /** Copies the list. */
    public PartResult {
      modules = List.copyOf(modules);
    }
  }

  /**
   * {@return a pruner of a model, which prunes half of each row by Wanda unless it is told
   * otherwise}
   *
   * @param model its directory: {@code config.json} and safetensors files
   */
  public static ModelPruner of(Path model) {
    return new ModelPruner(model);
  }

  /**
   * Chooses the device.
   *
   * @param name as {@link Pruner.Builder#backend} takes it
   * @param index its number within its backend
   * @return this
   */
  public ModelPruner device(String name, int index) {
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
  public ModelPruner threads(int count) {
    device = device.threads(count);
    return this;
  }

  /**
   * Sets how weights are scored, in place of masks that were given before.
   *
   * @param name {@code wanda}, {@code magnitude}, {@code ria}, {@code wanda-variant} or {@code
   *     sparsegpt}
   * @return this
   * @throws IllegalArgumentException for any other name
   */
  public ModelPruner method(String name) {
    masks = List.of();
    said.put(
        MethodKey.METHOD, Calls.argument(() -> Labelled.of(name, Method.WITHOUT_FILES, "method")));
    return this;
  }

  /**
   * Sets how much goes.
   *
   * @param amount a share of each row, or a pattern; half by default
   * @return this
   */
  public ModelPruner sparsity(Sparsity amount) {
    said.remove(MethodKey.SPARSITY);
    said.remove(MethodKey.PATTERN);
    said.put(ModuleRules.key(Objects.requireNonNull(amount, "amount")), amount);
    return this;
  }

  /**
   * Has masks improved by swaps of kept weights for pruned ones; kept weights keep their bits.
   *
   * @param improved whether to; as often as something improves, unless {@link #swapsInRow} bounds
   *     it
   * @return this
   */
  public ModelPruner swaps(boolean improved) {
    said.remove(MethodKey.REFINE_SWAPS);
    return say(MethodKey.REFINE, improved);
  }

  /**
   * Has kept weights fitted to the dense module's outputs by least squares.
   *
   * @param fitted whether to
   * @return this
   */
  public ModelPruner reconstruct(boolean fitted) {
    return say(MethodKey.UPDATE, fitted);
  }

  /**
   * Sets how kept weights are changed.
   *
   * @param name {@code reconstruct}, to fit them to the dense module's outputs; {@code alps}, to
   *     choose the mask again by ALPS, then fit; {@code realign}, where output projections also
   *     make up for what went wrong in earlier blocks; {@code tune}, the same and then all kept
   *     weights of each block's attention and MLP, by gradients; or {@code none}
   * @return this
   * @throws IllegalArgumentException for any other name
   */
  public ModelPruner update(String name) {
    said.put(MethodKey.UPDATE, read(MethodKey.UPDATE, name, "update"));
    return this;
  }

  /**
   * Sets what {@code ria} ranks.
   *
   * @param name {@code row}, or {@code matrix}, the default
   * @return this
   * @throws IllegalArgumentException for any other name
   */
  public ModelPruner scope(String name) {
    said.put(MethodKey.SCOPE, read(MethodKey.SCOPE, name, "scope"));
    return this;
  }

  private static Object read(MethodKey key, String word, String name) {
    Objects.requireNonNull(word, name);
    return Calls.argument(() -> key.read(word, name));
  }

  /**
   * Sets how the total is shared out over blocks.
   *
   * @param rule {@code uniform}, the default, {@code atp}, {@code dlp} or {@code owl}
   * @return this
   * @throws IllegalArgumentException for any other name
   */
  public ModelPruner allocation(String rule) {
    allocation =
        Allocation.Rule.of(rule)
            .orElseThrow(
                () ->
                    new IllegalArgumentException(
                        "allocation: expected one of %s, found '%s'"
                            .formatted(Allocation.Rule.labels(), rule)));
    return this;
  }

  /**
   * Sets how the total is shared out over modules.
   *
   * @param file a JSON file from modules or blocks to sparsity
   * @return this
   */
  public ModelPruner allocation(Path file) {
    allocation = new Allocation.FromFile(Objects.requireNonNull(file, "file"));
    return this;
  }

  /**
   * Says whether the output is packed in the end, see {@link ModelJobs#pack}.
   *
   * @param zerosLeftOut whether it is; false by default
   * @return this
   */
  public ModelPruner packed(boolean zerosLeftOut) {
    packed = zerosLeftOut;
    return this;
  }

  /**
   * Has masks improved as {@link #swaps} does, by so many swaps in a row at most.
   *
   * @param most swaps in a row, 0 or more; by default until nothing improves
   * @return this
   * @throws IllegalArgumentException if it is less than 0
   */
  public ModelPruner swapsInRow(int most) {
    said.put(MethodKey.REFINE, MethodKey.REFINE.words().getFirst());
    said.put(MethodKey.REFINE_SWAPS, read(MethodKey.REFINE_SWAPS, String.valueOf(most), "swaps"));
    return this;
  }

  /**
   * Sets what becomes of a module that no sample reached, such as an expert.
   *
   * @param name {@code magnitude}, the default; {@code keep}; or {@code fail}
   * @return this
   * @throws IllegalArgumentException for any other name
   */
  public ModelPruner unreached(String name) {
    Objects.requireNonNull(name, "name");
    unreached = Calls.argument(() -> Unreached.of(name));
    return this;
  }

  /**
   * Says whether fitted weights may be rounded to the codes of a quantized checkpoint.
   *
   * @param rounded whether they may; false by default, which refuses to fit such weights
   * @return this
   */
  public ModelPruner requantize(boolean rounded) {
    requantize = rounded;
    return this;
  }

  /**
   * Takes masks from files instead of choosing them; what follows them, such as an update, stays.
   *
   * @param files of masks of the same model, or directories of pruned models whose zeros are the
   *     masks; all have to keep a weight
   * @return this
   */
  public ModelPruner masks(List<Path> files) {
    return masks(files, false);
  }

  /**
   * Takes masks from files, which are combined.
   *
   * @param files as {@link #masks(List)} takes them
   * @param anyKeeps whether a weight stays that any of them keeps, not one that all do
   * @return this
   */
  public ModelPruner masks(List<Path> files, boolean anyKeeps) {
    masks = List.copyOf(files);
    union = anyKeeps;
    said.put(MethodKey.METHOD, Method.MASKS);
    return this;
  }

  private ModelPruner say(MethodKey key, boolean so) {
    said.remove(key);
    if (so) {
      said.put(key, key.words().getFirst());
    }
    return this;
  }

  /**
   * Has a recipe say method, amount and what follows, by stages. It excludes the calls that say
   * these.
   *
   * @param file in YAML; null for none
   * @return this
   */
  public ModelPruner recipe(Path file) {
    recipe = file;
    return this;
  }

  /**
   * Chooses modules by patterns that are found anywhere in their names.
   *
   * @param included one of these, or all modules if there are none
   * @param excluded none of these
   * @return this
   */
  public ModelPruner modules(List<Pattern> included, List<Pattern> excluded) {
    include = List.copyOf(included);
    exclude = List.copyOf(excluded);
    return this;
  }

  /**
   * Takes the norms from samples that run through the model while it is pruned block by block.
   *
   * @param tokens ids, lists of one length
   * @return this
   */
  public ModelPruner samples(List<int[]> tokens) {
    samples = List.copyOf(tokens);
    statistics = null;
    source = null;
    return this;
  }

  /**
   * Takes the norms from samples of a text or of the program's own, which run through the model
   * while it is pruned block by block.
   *
   * @param from where they come from
   * @return this
   */
  public ModelPruner calibration(SampleSource from) {
    source = Objects.requireNonNull(from, "from");
    samples = List.of();
    statistics = null;
    return this;
  }

  /**
   * Takes the norms from a file.
   *
   * @param file that {@code wanda-cuda calibrate} or llama.cpp's imatrix tool wrote
   * @return this
   */
  public ModelPruner statistics(Path file) {
    statistics = Objects.requireNonNull(file, "file");
    samples = List.of();
    source = null;
    return this;
  }

  /**
   * Lets a run go on with what an earlier one has left in the output.
   *
   * @param earlier whether to; an output that isn't empty is refused otherwise
   * @return this
   */
  public ModelPruner resume(boolean earlier) {
    resume = earlier;
    return this;
  }

  /**
   * Says whether the output's {@code README.md} is a model card that says what was done, and the
   * model's is {@code README.source.md}.
   *
   * @param written whether to; true by default
   * @return this
   */
  public ModelPruner card(boolean written) {
    card = written;
    return this;
  }

  /**
   * Says whether what was written is read back and compared with the model.
   *
   * @param checked whether to; true by default
   * @return this
   */
  public ModelPruner verify(boolean checked) {
    verify = checked;
    return this;
  }

  /**
   * Sets what hears how far a run is.
   *
   * @param hears called by the calling thread or one of the run's
   * @return this
   */
  public ModelPruner listener(Listener hears) {
    listener = Objects.requireNonNull(hears, "hears");
    return this;
  }

  /**
   * Prunes into a directory; a model in GGUF into a file, where weights become 0 in its codes.
   *
   * @param output doesn't exist, is empty or, with {@link #resume}, was left by the same run
   * @return the result
   * @throws IllegalArgumentException if what is asked for contradicts itself or doesn't fit the
   *     model, or the output isn't empty
   * @throws IllegalStateException if there is no such device, or it fails, or a dependency is
   *     missing that the model's files need; the message names it
   * @throws IOException if a file can't be read, isn't what it should be or can't be written; the
   *     message says which, what was expected and what was found
   * @throws CancellationException if the calling thread is interrupted; what is finished is kept
   *     for a run that resumes
   */
  public Result prune(Path output) throws IOException {
    Objects.requireNonNull(output, "output");
    return Calls.of(() -> result(run(output, Optional.empty())));
  }

  /**
   * Prunes one part of the output's shards. Parts are done in any order, at once or not, by any
   * programs that share the output; whichever ends last completes it. One that failed is done by
   * the same call again. Norms come from statistics, or aren't needed.
   *
   * @param output the same for all parts
   * @param number which part, from 1
   * @param of how many parts there are
   * @return how far the output is
   * @throws IllegalArgumentException as {@link #prune}, or if there is no such part, norms come
   *     from samples, masks from files, or the output is to be packed
   * @throws IllegalStateException as {@link #prune}
   * @throws IOException as {@link #prune}, or if another part's shards are damaged
   * @throws CancellationException if the calling thread is interrupted
   */
  public PartResult prunePart(Path output, int number, int of) throws IOException {
    Objects.requireNonNull(output, "output");
    return Calls.of(
        () -> {
          Part part = Part.parse("%d/%d".formatted(number, of));
          RunResult result = run(output, Optional.of(part));
          boolean finished = result.part().finished();
          return new PartResult(
              result.part().done(),
              result.modules().stream().map(ModelPruner::module).toList(),
              finished ? Optional.of(result(result)) : Optional.empty());
        });
  }

  /**
   * Prunes the model in its own files, without a second copy; an interrupted run goes on by the
   * same call. Norms come from statistics, or aren't needed.
   *
   * @return the result
   * @throws IllegalArgumentException as {@link #prune}, or if norms come from samples, weights are
   *     fitted, or the output is to be packed
   * @throws IllegalStateException as {@link #prune}
   * @throws IOException as {@link #prune}, or if a shard can't be written or is a link
   * @throws CancellationException if the calling thread is interrupted
   */
  public Result pruneInPlace() throws IOException {
    return Calls.of(() -> result(run(null, Optional.empty())));
  }

  /** Prunes into a directory, all of it or a part, or in place if the directory is null. */
  private RunResult run(Path output, Optional<Part> part) {
    PruningPlan plan = PruningPlan.asked(recipe, said, allocation, unreached, requantize);
    if (plan.removal().isPresent()) {
      throw new UsageException(
          "recipe: expected stages that prune weights, found one that removes parts; "
              + "ModelJobs.removeParts removes them");
    }
    PruningRules rules = plan.rules();
    MaskInputs.check(masks, rules);
    boolean inPlace = output == null;
    boolean sampled = rules.needNorms() && statistics == null;
    part.ifPresent(unused -> Part.check(false, sampled, rules.needMasks(), packed));
    if (inPlace) {
      plan.checkInPlace();
      if (packed) {
        throw new UsageException("packed: in place, weights stay where they are");
      }
    }
    boolean resumes = !inPlace && (resume || part.isPresent());
    try (ModelDirectory model = ModelDirectory.open(this.model);
        PruneRequest.MasksIn masksIn = MaskInputs.open(masks, union, model).orElse(null)) {
      model.requireUnpacked("prune");
      if (inPlace) {
        model.requireDirectory("pruning in place");
      }
      if (part.isPresent()) {
        model.requireDirectory("writing it in parts");
      }
      ModuleChoice choice = new ModuleChoice(include, exclude);
      plan.check(
          inPlace ? model.choose(choice) : PruneJob.check(model, output, resumes, choice, rules));
      PruneRequest request =
          PruneRequest.of(inPlace ? model.path() : output, rules)
              .choice(choice)
              .calibration(calibration(model, rules))
              .verify(verify)
              .resume(resumes)
              .masks(Optional.ofNullable(masksIn))
              .packed(packed)
              .card(card && !inPlace)
              .files(files(plan))
              .build();
      return run(plan, model, request, inPlace, part);
    }
  }

  private RunResult run(
      PruningPlan plan,
      ModelDirectory model,
      PruneRequest request,
      boolean inPlace,
      Optional<Part> part) {
    Function<PruneRequest, PruneJob> place =
        asked -> inPlace ? PruneJob.inPlace(model, asked) : PruneJob.toOutput(model, asked);
    PruneJob job = place.apply(request);
    Progress progress = listener::done;
    try (Backend opened = device.open()) {
      if (plan.shares()) {
        job =
            place.apply(
                plan.share(request, model, job.chosen(), opened, Optional.empty(), progress));
      }
      if (part.isEmpty()) {
        return job.run(opened, progress, MaskSink.NONE, unfinished -> {});
      }
      try (OnCluster process =
          OnCluster.here(
              new OnCluster.Devices(
                  device.name(), device.index(), device.threads(), Precision.DEFAULT))) {
        return job.part(part.get(), process).run(opened, progress, MaskSink.NONE, unfinished -> {});
      }
    }
  }

  private static Result result(RunResult result) {
    return new Result(
        result.provenance().elements(),
        result.provenance().pruned(),
        result.provenance().zeros(),
        result.provenance().maskSha256(),
        result.modules().stream().map(ModelPruner::module).toList());
  }

  /** Returns what is read beside the model, as the record names it. */
  private Map<String, List<Path>> files(PruningPlan plan) {
    Map<String, List<Path>> files = new LinkedHashMap<>(plan.named());
    if (plan.rules().needNorms()) {
      Optional.ofNullable(source)
          .flatMap(SampleSource::path)
          .ifPresent(file -> files.put("calibration", List.of(file)));
      Optional.ofNullable(statistics).ifPresent(file -> files.put("statistics", List.of(file)));
    }
    if (!masks.isEmpty()) {
      files.put("masks", masks);
    }
    return files;
  }

  private Calibration calibration(ModelDirectory source, PruningRules rules) {
    if (!rules.needNorms()) {
      return new Calibration.None();
    }
    if (statistics != null) {
      return Calibration.FromStatistics.read(statistics);
    }
    if (this.source != null) {
      return this.source.calibration(source);
    }
    if (samples.isEmpty()) {
      throw new UsageException(
          "%s: expected samples or statistics, from which the norms come"
              .formatted(rules.method()));
    }
    DecoderShape shape = DecoderFamilies.shape(source);
    return Calibration.FromSamples.of(
        CalibrationSamples.of(samples, shape.maximumLength(), shape.vocabulary()), 0);
  }

  private static Module module(ModuleResult result) {
    return new Module(
        result.module().name(),
        new PruneResult(
            result.module().rows(), result.module().columns(), result.pruned(), result.zeros()),
        result.errors() == null
            ? OptionalDouble.empty()
            : OptionalDouble.of(result.errors().relative(result.errors().result())));
  }
}
