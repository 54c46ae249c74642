package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.error.Suggestion;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.Recipe.Stage;
import io.github.wandacuda.pruning.recipe.Structure.Parts;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/**
 * Reads the structure of a recipe: the list of stages, and the keys of each. {@link StageReader}
 * reads their values.
 */
final class RecipeReader {
  private static final String STAGES = "stages";

  private final YamlFile yaml;
  private final List<Stage> stages = new ArrayList<>();
  private Optional<Parts> parts = Optional.empty();

  RecipeReader(Path file) {
    yaml = new YamlFile(file);
  }

  /**
   * Reads the file, once.
   *
   * @throws io.github.wandacuda.error.InputException if it can't be read or isn't YAML
   * @throws UsageException if it isn't a recipe
   */
  Recipe recipe() {
    Node root = yaml.read();
    readList(root instanceof MappingNode mapping ? named(mapping) : root);
    return new Recipe(yaml.path(), parts, stages);
  }

  /** Returns the list of a mapping that has it as {@code stages}. */
  private Node named(MappingNode mapping) {
    Map<String, Node> values = values(mapping, List.of(STAGES), "'stages'");
    if (values.isEmpty()) {
      throw yaml.wrong(YamlFile.line(mapping), "a list of stages", "nothing");
    }
    return values.get(STAGES);
  }

  private void readList(Node node) {
    if (!(node instanceof SequenceNode list)) {
      throw yaml.wrong(YamlFile.line(node), "a list of stages", YamlFile.found(node));
    }
    if (list.getValue().isEmpty()) {
      throw yaml.wrong(YamlFile.line(node), "a stage", "an empty list");
    }
    list.getValue().forEach(this::readStage);
  }

  /** Reads a stage, which is one of {@code stages} unless it removes parts. */
  private void readStage(Node node) {
    if (!(node instanceof MappingNode mapping)) {
      throw yaml.wrong(
          YamlFile.line(node), "a stage, such as 'sparsity: 0.5'", YamlFile.found(node));
    }
    Map<String, ScalarNode> values = new LinkedHashMap<>();
    values(mapping, StageReader.KEYS, "a key of a stage")
        .forEach(
            (key, value) ->
                values.put(key, yaml.scalar(value, "one value for '%s'".formatted(key))));
    StageReader reader = new StageReader(yaml, values);
    if (!values.containsKey(StageReader.STRUCTURE)) {
      stages.add(reader.stage(YamlFile.line(mapping)));
      return;
    }
    if (parts.isPresent() || !stages.isEmpty()) {
      reader.refuse(StageReader.STRUCTURE, "in the first stage alone");
    }
    parts = Optional.of(reader.parts());
  }

  /**
   * Returns the values of a mapping by its keys.
   *
   * @param known the keys that there may be
   * @param expected what a key is, for messages
   * @throws UsageException if there is another key, or one twice
   */
  private Map<String, Node> values(MappingNode mapping, List<String> known, String expected) {
    Map<String, Node> values = new LinkedHashMap<>();
    for (NodeTuple entry : mapping.getValue()) {
      ScalarNode key = yaml.scalar(entry.getKeyNode(), expected);
      String name = key.getValue();
      if (!known.contains(name)) {
        throw unknown(key, known);
      }
      if (values.put(name, entry.getValueNode()) != null) {
        throw yaml.wrong(YamlFile.line(key), "every key once", "a second '%s'".formatted(name));
      }
    }
    return values;
  }

  private UsageException unknown(ScalarNode key, List<String> known) {
    return yaml.wrong(
        "line " + YamlFile.line(key),
        known.size() == 1
            ? "the key '%s'".formatted(known.getFirst())
            : "one of the keys " + String.join(", ", known),
        YamlFile.found(key),
        Suggestion.hint(key.getValue(), known));
  }
}
