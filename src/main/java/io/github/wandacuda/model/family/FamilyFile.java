package io.github.wandacuda.model.family;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.io.JsonTree.Located;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.BlockDescription.AttentionDescription;
import io.github.wandacuda.model.BlockDescription.DeltaNetDescription;
import io.github.wandacuda.model.BlockDescription.DenseMlp;
import io.github.wandacuda.model.BlockDescription.Experts;
import io.github.wandacuda.model.BlockDescription.LatentDescription;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderFamily;
import io.github.wandacuda.model.Heads;
import io.github.wandacuda.model.LinearDescription;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelConfig.GivenFamily;
import io.github.wandacuda.model.Rotary;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A family that a JSON file describes, in the words of {@link DecoderDescription}. An object has a
 * key for each component of the record that it becomes; the schema beside this class says whether a
 * key is required, and what is taken without it. A number may be an expression of keys of the
 * model's config. In a name, {@code {block}} stands for the block's number and {@code {expert}} for
 * an expert's.
 */
public final class FamilyFile {
  /** The published schema's definition of each record, by its name or the word for its kind. */
  private static final Map<String, JsonNode> DEFINITIONS = definitions();

  private static final String WHERE = "where";
  private static final String KIND = "kind";

  private final Path file;
  private final Located root;

  private FamilyFile(Path file) {
    this.file = file;
    root = InputFile.reading(file, this::root);
    DecoderDescription unused = describe(null);
  }

  /**
   * How a head's features are rotated, as {@link RotaryFrequencies#of} takes it.
   *
   * @param headSize features of a head
   * @param first the first feature that is rotated
   * @param interleaved whether pairs are neighbours
   * @param part the share of the head that is rotated, from 0 to 1
   * @param theta the base of the frequencies
   * @param layers the type of layers in the config
   * @param scaled whether a scaling that isn't for one type of layers applies
   */
  record RotaryWords(
      int headSize,
      int first,
      boolean interleaved,
      float part,
      float theta,
      String layers,
      boolean scaled) {
    Rotary of(ModelConfig config) {
      return RotaryFrequencies.of(
          config,
          new RotaryPairs(headSize, first, interleaved),
          RotaryFrequencies.Defaults.partial(part, theta),
          layers,
          scaled);
    }
  }

  /**
   * The blocks that an element of a list describes: those for which a list in the config has a
   * value, or every so many from one block to before another.
   *
   * @param key of the list in the config, empty for none
   * @param is the value that the list has for these blocks
   * @param every distance of blocks
   * @param from the first block
   * @param before one past the last block
   */
  record Where(String key, String is, int every, int from, int before) {
    Where {
      if (every < 1) {
        throw new IllegalArgumentException("every: expected at least 1, found " + every);
      }
    }

    /** Returns whether an element describes a block. */
    boolean holds(ModelConfig config, int block) {
      boolean listed = key.isEmpty() || config.root().path(key).path(block).asText().equals(is);
      return listed && block >= from && block < before && (block - from) % every == 0;
    }
  }

  /** What a value depends on: the model, the block and the expert that are described. */
  private record Scope(ModelConfig config, int block, int expert) {}

  /**
   * Reads a family from a file.
   *
   * @param file null for no file
   * @return the family; null if the file is
   * @throws io.github.wandacuda.error.InputException if the file doesn't describe a family
   */
  public static GivenFamily read(Path file) {
    if (file == null) {
      return null;
    }
    FamilyFile read = new FamilyFile(file);
    return new GivenFamily(
        file, new DecoderFamily("", "", config -> read.describe(new Scope(config, 0, 0))));
  }

  private DecoderDescription describe(Scope scope) {
    return (DecoderDescription) value(root, DecoderDescription.class, "the description", scope);
  }

  private Located root() throws IOException {
    try (var in = InputFile.stream(file)) {
      Located root = JsonTree.located(in);
      if (root == null) {
        throw ErrorDetails.file(file).wrong("a JSON object", "an empty file");
      }
      return root;
    } catch (JsonProcessingException e) {
      int line = e.getLocation() == null ? 1 : e.getLocation().getLineNr();
      throw ErrorDetails.part(file, "line " + line)
          .wrong("JSON", Printable.of(e.getOriginalMessage()), e);
    }
  }

  /**
   * Converts a value of the file.
   *
   * @param place the key, for messages
   * @param scope what it depends on; null to check keys and kinds alone, for which the result is
   *     null
   */
  private Object value(Located json, Type type, String place, Scope scope) {
    if (type instanceof ParameterizedType generic) {
      Type inner = generic.getActualTypeArguments()[0];
      return generic.getRawType() == List.class
          ? list(json, inner, place, scope)
          : inner == BlockDescription.class
              ? blocks(json, place, scope)
              : experts(json, inner, place, scope);
    }
    Class<?> raw = (Class<?>) type;
    if (raw == int.class || raw == float.class) {
      return number(json, raw, place, scope);
    }
    if (raw == boolean.class) {
      return flag(json, place, scope);
    }
    if (raw == String.class) {
      return text(json, place, scope);
    }
    if (raw == Rotary.class) {
      RotaryWords words = (RotaryWords) value(json, RotaryWords.class, place, scope);
      return scope == null ? null : within(json, place, () -> words.of(scope.config));
    }
    if (raw == Activation.class) {
      return activation(json, place);
    }
    if (raw.isEnum()) {
      return constant(json, raw, place);
    }
    if (raw == Elementwise.class && json.fields() == null) {
      return activation(json, place);
    }
    return raw.isSealed() ? kind(json, raw, place, scope) : object(json, raw, place, scope);
  }

  private Object object(Located json, Class<?> type, String place, Scope scope) {
    if (json.fields() == null) {
      throw wrong(json, place, "an object", json);
    }
    JsonNode known = definition(type).path("properties");
    for (Map.Entry<String, Located> field : json.fields().entrySet()) {
      if (!known.has(field.getKey())) {
        List<String> keys = known.properties().stream().map(Map.Entry::getKey).toList();
        throw ErrorDetails.part(
                file,
                "line %d: %s".formatted(field.getValue().line(), Printable.of(field.getKey())))
            .wrong("one of the keys " + String.join(", ", keys), "this key");
      }
    }
    List<Object> values = new ArrayList<>();
    for (RecordComponent component : type.getRecordComponents()) {
      values.add(component(json, type, component, scope));
    }
    return scope == null ? null : within(json, place, () -> fitting(make(type, values)));
  }

  /** Checks the widths that don't follow from any tensor's shape. */
  private static Object fitting(Object made) {
    if (made instanceof AttentionDescription attention) {
      Heads heads = attention.heads();
      List<LinearDescription> linears = attention.projection().linears();
      int queries = heads.queryWidth() * (attention.projection().gated() ? 2 : 1);
      boolean separate = attention.projection().columns().isEmpty();
      requireFit(
          heads.keyValueHeads() > 0
              && heads.queries() % heads.keyValueHeads() == 0
              && attention.output().columns() == heads.queryWidth()
              && turns(attention.rotary(), heads.size())
              && linears.size() == (separate ? 3 : 1)
              && (!separate || linears.get(0).rows() == queries)
              && (!separate || linears.get(2).rows() == heads.keyValueWidth()),
          "%d heads of %d in modules of other widths".formatted(heads.queries(), heads.size()));
    } else if (made instanceof LatentDescription latent) {
      int heads = latent.heads();
      requireFit(
          heads > 0
              && latent.plain() >= 0
              && turns(latent.rotary(), latent.rotated())
              && (latent.plain() + latent.valueSize()) * heads == latent.expand().rows()
              && latent.queries().getLast().rows() == heads * (latent.plain() + latent.rotated())
              && latent.compress().rows() == latent.expand().columns() + latent.rotated()
              && latent.output().columns() == heads * latent.valueSize(),
          "%d heads in modules of other widths".formatted(heads));
    } else if (made instanceof DeltaNetDescription net) {
      int rows = net.inputs().stream().mapToInt(LinearDescription::rows).sum();
      requireFit(
          net.keyHeads() > 0
              && net.heads() % net.keyHeads() == 0
              && net.valueWidth() == net.heads() * net.norm().size()
              && rows == net.channels() + net.valueWidth() + 2 * net.heads(),
          "%d value heads of %d in modules of other widths"
              .formatted(net.heads(), net.norm().size()));
    } else if (made instanceof DecoderDescription decoder) {
      LinearDescription projection = decoder.embedding().projection();
      int width = projection == null ? decoder.embedding().width() : projection.rows();
      requireFit(
          width == decoder.shape().hiddenSize(),
          "an embedding of another width, %d".formatted(width));
    } else if (made instanceof DenseMlp mlp) {
      int wide = mlp.down().columns();
      int both = mlp.gated() && mlp.inputs().size() == 1 ? 2 * wide : wide;
      requireFit(
          !mlp.inputs().isEmpty()
              && mlp.inputs().size() <= (mlp.gated() ? 2 : 1)
              && mlp.inputs().stream().allMatch(input -> input.rows() == both),
          "a width of %d between modules of others".formatted(wide));
    } else if (made instanceof Experts experts) {
      RoutingRule rule = experts.rule();
      RoutingRule.Groups groups = rule.groups();
      int all = experts.router().rows();
      requireFit(
          all % groups.count() == 0
              && rule.expertsPerToken() > 0
              && rule.expertsPerToken() <= all / groups.count() * groups.chosen(),
          "%d of %d experts for a token".formatted(rule.expertsPerToken(), all));
    }
    return made;
  }

  private static boolean turns(Rotary rotary, int headSize) {
    return rotary == null || rotary.pairs().headSize() == headSize;
  }

  private static void requireFit(boolean fits, String found) {
    if (!fits) {
      throw new IllegalArgumentException(found);
    }
  }

  private static Map<String, JsonNode> definitions() {
    Map<String, JsonNode> definitions = new HashMap<>();
    try (InputStream in =
        FamilyFile.class.getResourceAsStream("/io/github/wandacuda/model/family.schema.json")) {
      for (Map.Entry<String, JsonNode> each : JsonTree.read(in).path("$defs").properties()) {
        definitions.put(each.getKey(), each.getValue());
        for (JsonNode kind : each.getValue().path("anyOf")) {
          definitions.put(kind.at("/properties/kind/const").asText(), kind);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return definitions;
  }

  private static JsonNode definition(Class<?> type) {
    return DEFINITIONS.getOrDefault(type.getSimpleName(), DEFINITIONS.get(kind(type)));
  }

  /**
   * Converts the value of a record's component.
   *
   * @return null if no file can have it, or this one doesn't
   */
  private Object component(Located json, Class<?> type, RecordComponent component, Scope scope) {
    String name = component.getName();
    JsonNode definition = definition(type);
    JsonNode said = definition.path("properties").path(name);
    boolean required =
        definition.path("required").valueStream().anyMatch(each -> each.asText().equals(name));
    Located there = json.fields().get(name);
    if (there == null && required) {
      throw ErrorDetails.part(file, "line " + json.line())
          .wrong("the key '%s'".formatted(name), "none");
    }
    if (there == null && said.has("default")) {
      there = located(said.get("default").toString(), json.line());
    }
    if (there != null
        && there.elements() != null
        && there.elements().size() < said.path("minItems").asInt(0)) {
      throw wrong(there, name, "a list of at least one", "an empty list");
    }
    boolean none = there == null || (there.scalar() != null && there.scalar().isNull());
    return none && !required && !said.has("default")
        ? null
        : value(there, component.getGenericType(), name, scope);
  }

  private static Located located(String text, int line) {
    try {
      Located json =
          JsonTree.located(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
      return new Located(line, json.scalar(), json.fields(), json.elements());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object make(Class<?> type, List<Object> values) {
    Class<?>[] types =
        Arrays.stream(type.getRecordComponents())
            .map(RecordComponent::getType)
            .toArray(Class<?>[]::new);
    try {
      Constructor<?> constructor = type.getDeclaredConstructor(types);
      constructor.setAccessible(true);
      return constructor.newInstance(values.toArray());
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException(e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private List<Object> list(Located json, Type inner, String place, Scope scope) {
    if (json.elements() == null) {
      throw wrong(json, place, "a list", json);
    }
    List<Object> values = new ArrayList<>();
    json.elements().forEach(element -> values.add(value(element, inner, place, scope)));
    return values;
  }

  /** Describes each block by the first element of a list whose {@code where} holds for it. */
  private Object blocks(Located json, String place, Scope scope) {
    List<Located> all = json.elements() == null ? List.of(json) : json.elements();
    if (scope == null) {
      for (Located one : all) {
        where(one, null);
        Object unused = object(one, BlockDescription.class, place, null);
      }
      return null;
    }
    return (IntFunction<BlockDescription>)
        block -> {
          Scope own = new Scope(scope.config, block, 0);
          return all.stream()
              .filter(one -> where(one, own).holds(scope.config, block))
              .findFirst()
              .map(one -> object(one, BlockDescription.class, place, own))
              .map(BlockDescription.class::cast)
              .orElseThrow(() -> wrong(json, place, "a description of block " + block, "none"));
        };
  }

  private Where where(Located block, Scope scope) {
    Located where = block.fields() == null ? null : block.fields().get(WHERE);
    Located said = where == null ? located("{}", block.line()) : where;
    return (Where) value(said, Where.class, WHERE, scope);
  }

  private Object experts(Located json, Type inner, String place, Scope scope) {
    if (scope == null) {
      return value(json, inner, place, null);
    }
    return (IntFunction<Object>)
        expert -> value(json, inner, place, new Scope(scope.config, scope.block, expert));
  }

  /** Converts a record that is one of several kinds, which the key {@code kind} names. */
  private Object kind(Located json, Class<?> type, String place, Scope scope) {
    if (json.fields() == null) {
      throw wrong(json, place, "an object", json);
    }
    Map<String, Class<?>> kinds = kinds(type);
    String first = kinds.keySet().iterator().next();
    Located said = json.fields().get(KIND);
    String name = said == null || said.scalar() == null ? first : said.scalar().asText();
    if (!kinds.containsKey(name)) {
      throw wrong(said, KIND, "one of " + String.join(", ", kinds.keySet()), said);
    }
    return object(json, kinds.get(name), place, scope);
  }

  /**
   * Returns the records of a sealed type by the words for them.
   *
   * @param type a sealed interface of records
   */
  static Map<String, Class<?>> kinds(Class<?> type) {
    Map<String, Class<?>> kinds = new LinkedHashMap<>();
    for (Class<?> kind : type.getPermittedSubclasses()) {
      if (kind.isRecord()) {
        kinds.put(kind(kind), kind);
      }
    }
    return kinds;
  }

  /** Returns the word for a kind of part, as a file has it. */
  public static String kind(Class<?> part) {
    String name = part.getSimpleName().replace("Description", "");
    return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
  }

  private Object constant(Located json, Class<?> type, String place) {
    Map<String, Object> words = new LinkedHashMap<>();
    for (Object constant : type.getEnumConstants()) {
      words.put(((Enum<?>) constant).name().toLowerCase(Locale.ROOT), constant);
    }
    Object found = json.scalar() == null ? null : words.get(json.scalar().asText());
    if (found == null) {
      throw wrong(json, place, "one of " + String.join(", ", words.keySet()), json);
    }
    return found;
  }

  private Activation activation(Located json, String place) {
    Activation found = json.scalar() == null ? null : Activations.NAMES.get(json.scalar().asText());
    if (found == null) {
      throw wrong(json, place, "one of " + Activations.known(), json);
    }
    return found;
  }

  private Object flag(Located json, String place, Scope scope) {
    if (json.scalar() != null && json.scalar().isTextual()) {
      return scope != null
          && within(json, place, () -> scope.config.flag(json.scalar().asText(), false));
    }
    if (json.scalar() == null || !json.scalar().isBoolean()) {
      throw wrong(json, place, "true, false or a key of config.json", json);
    }
    return json.scalar().booleanValue();
  }

  private String text(Located json, String place, Scope scope) {
    if (json.scalar() == null || !json.scalar().isTextual()) {
      throw wrong(json, place, "a string", json);
    }
    String text = json.scalar().asText();
    return scope == null
        ? text
        : text.replace("{block}", String.valueOf(scope.block))
            .replace("{expert}", String.valueOf(scope.expert));
  }

  private Object number(Located json, Class<?> type, String place, Scope scope) {
    if (json.scalar() == null || !(json.scalar().isNumber() || json.scalar().isTextual())) {
      throw wrong(json, place, "a number, or an expression of keys of config.json", json);
    }
    double number =
        json.scalar().isNumber()
            ? json.scalar().doubleValue()
            : new Expression(json, place, scope).value();
    if (scope != null && !Float.isFinite((float) number)) {
      throw wrong(json, place, "a finite number", String.valueOf(number));
    }
    if (type == float.class) {
      return (float) number;
    }
    if (scope != null
        && (number != Math.rint(number) || number < 0 || number > Integer.MAX_VALUE)) {
      throw wrong(json, place, "a whole number", String.valueOf(number));
    }
    return (int) number;
  }

  /**
   * Runs what may find a value wrong. A failure that names no file gets this file and the value's
   * line.
   */
  private <T> T within(Located json, String place, Supplier<T> making) {
    try {
      return making.get();
    } catch (IllegalArgumentException | NullPointerException | ArithmeticException e) {
      throw ErrorDetails.part(file, "line %d: %s".formatted(json.line(), place))
          .wrong("values that fit each other", Printable.firstLine(e), e);
    }
  }

  private InputException wrong(Located json, String place, String expected, Located found) {
    JsonNode scalar = found.scalar();
    String said =
        scalar != null ? scalar.toString() : found.fields() != null ? "an object" : "a list";
    return wrong(json, place, expected, said);
  }

  private InputException wrong(Located json, String place, String expected, String found) {
    return ErrorDetails.part(file, "line %d: %s".formatted(json.line(), place))
        .wrong(expected, Printable.of(found));
  }

  /**
   * A number computed from keys of the config: {@code a * b}, with + - * / ^ and parentheses;
   * {@code a ? b} is b if the config has no key a.
   */
  private final class Expression {
    /** The most tokens of an expression, and so the deepest nesting: more than any size needs. */
    private static final int MOST = 200;

    private static final Pattern TOKEN =
        Pattern.compile(
            "\\s*(?:((?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:e-?[0-9]+)?)|([A-Za-z_][\\w.]*)|([-+*/^()?]))\\s*");

    private final Located json;
    private final String place;
    private final Scope scope;
    private final List<MatchResult> tokens = new ArrayList<>();
    private int at;

    Expression(Located json, String place, Scope scope) {
      this.json = json;
      this.place = place;
      this.scope = scope;
      String text = json.scalar().asText();
      Matcher matcher = TOKEN.matcher(text);
      int end = 0;
      while (end < text.length() && matcher.find(end) && matcher.start() == end) {
        tokens.add(matcher.toMatchResult());
        end = matcher.end();
      }
      if (end < text.length() || tokens.isEmpty() || tokens.size() > MOST) {
        throw wrong(json, place, "an expression of numbers, keys and + - * / ^ ? ( )", json);
      }
    }

    double value() {
      double value = sum();
      if (at < tokens.size()) {
        throw wrong(json, place, "the end of the expression", tokens.get(at).group().strip());
      }
      return value;
    }

    private boolean takes(String sign) {
      boolean there = at < tokens.size() && sign.equals(tokens.get(at).group(3));
      at += there ? 1 : 0;
      return there;
    }

    private double sum() {
      double value = product();
      while (true) {
        if (takes("+")) {
          value += product();
        } else if (takes("-")) {
          value -= product();
        } else {
          return value;
        }
      }
    }

    private double product() {
      double value = power();
      while (true) {
        if (takes("*")) {
          value *= power();
        } else if (takes("/")) {
          value /= power();
        } else {
          return value;
        }
      }
    }

    private double power() {
      double value = atom();
      return takes("^") ? Math.pow(value, power()) : value;
    }

    private double atom() {
      if (takes("-")) {
        return -atom();
      }
      if (takes("(")) {
        double value = sum();
        if (!takes(")")) {
          throw wrong(json, place, "a closing parenthesis", json);
        }
        return value;
      }
      MatchResult token = at < tokens.size() ? tokens.get(at++) : null;
      if (token != null && token.group(1) != null) {
        return Double.parseDouble(token.group(1));
      }
      if (token == null || token.group(2) == null) {
        throw wrong(json, place, "a number or a key of config.json", json);
      }
      String key = token.group(2);
      JsonNode found = scope == null ? null : scope.config.root().at("/" + key.replace('.', '/'));
      boolean there = found != null && found.isNumber();
      if (takes("?")) {
        double otherwise = atom();
        return there ? found.doubleValue() : otherwise;
      }
      if (scope != null && !there) {
        throw wrong(
            json,
            place,
            "the number '%s' in config.json".formatted(key),
            found.isMissingNode() ? "nothing" : found.toString());
      }
      return there ? found.doubleValue() : 1;
    }
  }
}
