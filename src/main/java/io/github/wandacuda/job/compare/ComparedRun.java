package io.github.wandacuda.job.compare;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.calibration.DenseReference;
import io.github.wandacuda.evaluate.TaskFigures;
import io.github.wandacuda.pruning.recipe.SparsityParser;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.stream.StreamSupport;

/**
 * One way of pruning a model, and what it leaves.
 *
 * @param method with what follows it, as {@code wanda+swaps}
 * @param sparsity how much goes; of a recipe, which says it by stages, the share of zeros
 * @param allocation how that was shared out over blocks, or null if all got the same
 * @param filesSha256 the SHA-256 of a recipe or another file that says what is done, or null
 * @param predictions what the text says of it
 * @param tasks what the pruned model scores on tasks, by their names
 * @param maskSha256 over the packed masks, in hexadecimal, as {@code prune} has it; null if whole
 *     parts went
 * @param modules by module, in the natural order of their names
 * @param size of the model if whole parts went, or null
 */
public record ComparedRun(
    String method,
    Sparsity sparsity,
    String allocation,
    String filesSha256,
    Predictions predictions,
    Map<String, TaskFigures> tasks,
    String maskSha256,
    List<ModuleFigures> modules,
    Size size,
    double seconds) {
  private static final String PERPLEXITY = "perplexity";

  public ComparedRun {
    tasks = Collections.unmodifiableMap(new LinkedHashMap<>(tasks));
    modules = List.copyOf(modules);
  }

  /**
   * What a text says of a model; a number is missing where it isn't finite.
   *
   * @param kl the mean divergence of its predictions from the dense model's, in nats
   * @param top1Agreement the share of positions at which both find the same token the most probable
   */
  public record Predictions(
      OptionalDouble perplexity, OptionalDouble kl, OptionalDouble top1Agreement) {
    private static final String KL = "kl";
    private static final String TOP1_AGREEMENT = "top1_agreement";

    static Predictions of(DenseReference.Judged judged) {
      return new Predictions(
          finite(judged.perplexity()),
          finite(judged.divergence().kl()),
          finite(judged.divergence().top1Agreement()));
    }

    private static OptionalDouble finite(double number) {
      return Double.isFinite(number) ? OptionalDouble.of(number) : OptionalDouble.empty();
    }

    private void addTo(Map<String, Object> object) {
      object.put(PERPLEXITY, orNull(perplexity));
      object.put(KL, orNull(kl));
      object.put(TOP1_AGREEMENT, orNull(top1Agreement));
    }

    private static Predictions of(JsonNode object) {
      return new Predictions(
          number(object.path(PERPLEXITY)),
          number(object.path(KL)),
          number(object.path(TOP1_AGREEMENT)));
    }
  }

  /** Returns the perplexity on the text, or nothing if it isn't finite. */
  public OptionalDouble perplexity() {
    return predictions.perplexity();
  }

  /**
   * A module after pruning.
   *
   * @param zeros how many of them are zero
   * @param error {@code ||(W - V) X||^2 / ||W X||^2} over the calibration samples, or nothing if no
   *     sample reached the module
   */
  public record ModuleFigures(String name, long weights, long zeros, OptionalDouble error) {
    public double sparsity() {
      return weights == 0 ? 0 : (double) zeros / weights;
    }

    private Map<String, Object> toJson() {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("name", name);
      object.put("weights", weights);
      object.put("zeros", zeros);
      object.put("sparsity", sparsity());
      object.put("relative_error", orNull(error));
      return object;
    }

    private static ModuleFigures of(JsonNode object) {
      return new ModuleFigures(
          object.path("name").asText(),
          object.path("weights").asLong(),
          object.path("zeros").asLong(),
          number(object.path("relative_error")));
    }
  }

  /**
   * How large and how fast a model is.
   *
   * @param bytes of its tensors
   * @param speed of generating tokens one after the other; null if that wasn't measured
   */
  public record Size(long parameters, long bytes, DecodingSpeed speed) {
    private static final String PARAMETERS = "parameters";
    private static final String BYTES = "bytes";
    private static final String SPEED = "tokens_per_second";
    private static final String SLOWEST = "tokens_per_second_least";
    private static final String FASTEST = "tokens_per_second_most";
    private static final String BESIDE = "dense_tokens_per_second";

    private static void add(Size size, Map<String, Object> object) {
      if (size != null) {
        object.put(PARAMETERS, size.parameters);
        object.put(BYTES, size.bytes);
        if (size.speed != null) {
          object.put(SPEED, size.speed.median());
          object.put(SLOWEST, size.speed.least());
          object.put(FASTEST, size.speed.most());
          object.put(BESIDE, size.speed.dense());
        }
      }
    }

    private static Size of(JsonNode object) {
      return object.has(PARAMETERS)
          ? new Size(
              object.path(PARAMETERS).asLong(),
              object.path(BYTES).asLong(),
              object.has(SPEED)
                  ? new DecodingSpeed(
                      object.path(SPEED).asDouble(),
                      object.path(SLOWEST).asDouble(),
                      object.path(FASTEST).asDouble(),
                      object.path(BESIDE).asDouble())
                  : null)
          : null;
    }
  }

  /** Returns the mean of the modules' errors, or nothing if there are none. */
  public OptionalDouble relativeError() {
    return modules.stream()
        .filter(module -> module.error().isPresent())
        .mapToDouble(module -> module.error().getAsDouble())
        .average();
  }

  public boolean isOf(String otherMethod, Sparsity otherSparsity) {
    return method.equals(otherMethod) && sparsity.equals(otherSparsity);
  }

  /** Returns the share that is gone: of zeros in all modules, or of the parts that went. */
  public double reached() {
    return size != null && sparsity instanceof Sparsity.Ratio ratio ? ratio.fraction() : zeros();
  }

  public double zeros() {
    long weights = modules.stream().mapToLong(ModuleFigures::weights).sum();
    long zeros = modules.stream().mapToLong(ModuleFigures::zeros).sum();
    return weights == 0 ? 0 : (double) zeros / weights;
  }

  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("method", method);
    if (sparsity instanceof Sparsity.Ratio ratio) {
      object.put("sparsity", ratio.fraction());
    } else {
      object.put("pattern", sparsity.toString());
    }
    if (allocation != null) {
      object.put("allocation", allocation);
    }
    if (filesSha256 != null) {
      object.put("files_sha256", filesSha256);
    }
    predictions.addTo(object);
    object.put(DenseFigures.TASKS, DenseFigures.toJson(tasks));
    object.put("relative_error", orNull(relativeError()));
    object.put("zeros", zeros());
    object.put("mask_sha256", maskSha256);
    object.put("seconds", seconds);
    Size.add(size, object);
    object.put("modules", modules.stream().map(ModuleFigures::toJson).toList());
    return object;
  }

  public static ComparedRun of(JsonNode object) {
    return new ComparedRun(
        object.path("method").asText(),
        object.has("pattern")
            ? SparsityParser.pattern(object.path("pattern").asText())
            : SparsityParser.ratio(object.path("sparsity").asText()),
        object.path("allocation").textValue(),
        object.path("files_sha256").textValue(),
        Predictions.of(object),
        DenseFigures.tasksOf(object),
        object.path("mask_sha256").textValue(),
        StreamSupport.stream(object.path("modules").spliterator(), false)
            .map(ModuleFigures::of)
            .toList(),
        Size.of(object),
        object.path("seconds").asDouble());
  }

  private static Double orNull(OptionalDouble value) {
    return value.isPresent() ? value.getAsDouble() : null;
  }

  private static OptionalDouble number(JsonNode value) {
    return value.isNumber() ? OptionalDouble.of(value.asDouble()) : OptionalDouble.empty();
  }

  /**
   * The dense model that others are compared with.
   *
   * @param tasks by name, in the order that was asked for
   * @param size if whole parts of it go in some run, else null
   */
  public record DenseFigures(double perplexity, Map<String, TaskFigures> tasks, Size size) {
    static final String TASKS = "tasks";

    public DenseFigures {
      tasks = Collections.unmodifiableMap(new LinkedHashMap<>(tasks));
    }

    public Map<String, Object> toJson() {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put(PERPLEXITY, perplexity);
      object.put(TASKS, toJson(tasks));
      Size.add(size, object);
      return object;
    }

    static DenseFigures of(JsonNode object) {
      return new DenseFigures(object.path(PERPLEXITY).asDouble(), tasksOf(object), Size.of(object));
    }

    static Map<String, Object> toJson(Map<String, TaskFigures> tasks) {
      Map<String, Object> object = new LinkedHashMap<>();
      tasks.forEach((name, figures) -> object.put(name, figures.toJson()));
      return object;
    }

    static Map<String, TaskFigures> tasksOf(JsonNode object) {
      Map<String, TaskFigures> tasks = new LinkedHashMap<>();
      object
          .path(TASKS)
          .properties()
          .forEach(entry -> tasks.put(entry.getKey(), TaskFigures.of(entry.getValue())));
      return tasks;
    }
  }
}
