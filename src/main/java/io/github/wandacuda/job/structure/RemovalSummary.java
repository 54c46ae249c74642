package io.github.wandacuda.job.structure;

import io.github.wandacuda.job.record.ComputedOn;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What goes of a model, and how much smaller it is then.
 *
 * @param output where the smaller model goes
 * @param asked by what the parts are chosen
 * @param update what happens to the weights that read what is left
 * @param device what samples run on
 * @param removed the parts that go, or nothing where it isn't said which they are
 * @param trials the mixes of a search, the best first
 */
public record RemovalSummary(
    Path output,
    Structure.Parts asked,
    Update update,
    ComputedOn device,
    Optional<RemovedParts> removed,
    List<StructureSearch.Trial> trials,
    RemovalSizes sizes) {
  /** Returns whether mixes of parts are tried. */
  public boolean isSearch() {
    return asked.structure() == Structure.AUTO;
  }

  /** Returns the same of a run that has ended, when it is known what went. */
  public RemovalSummary with(RemovedParts gone) {
    return new RemovalSummary(output, asked, update, device, Optional.of(gone), trials, sizes);
  }

  /** Returns it as a run's result has it. */
  public Map<String, Object> toJson() {
    Map<String, Object> object = new LinkedHashMap<>();
    addAsked(object);
    addKinds(object);
    if (isSearch()) {
      object.put("trials", trials.stream().map(StructureSearch.Trial::toJson).toList());
    }
    addBefore(object);
    addAfter(object);
    return object;
  }

  /**
   * Returns it as a plan has it. What a search will choose isn't known: the smaller model has at
   * most so many bytes.
   */
  public Map<String, Object> toPlan() {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("dry_run", true);
    addAsked(object);
    if (isSearch()) {
      addBefore(object);
      object.put("trials", trials.stream().map(StructureSearch.Trial::planned).toList());
      object.put("bytes_after_most", sizes.bytes().after());
    } else {
      addKinds(object);
      addBefore(object);
      addAfter(object);
    }
    return object;
  }

  private void addAsked(Map<String, Object> object) {
    object.put("output", output.toString());
    object.put("structure", asked.structure().label());
    object.put("score", asked.score());
    object.put("update", update.label());
    device.addTo(object);
    removed.ifPresent(parts -> object.put("removed", parts.written(asked.structure())));
  }

  private void addKinds(Map<String, Object> object) {
    sizes
        .kinds()
        .forEach(
            (kind, count) -> {
              object.put(kind.label() + "_before", count.before());
              object.put(kind.label() + "_after", count.after());
            });
  }

  private void addBefore(Map<String, Object> object) {
    object.put("parameters_before", sizes.parameters().before());
    object.put("bytes_before", sizes.bytes().before());
  }

  private void addAfter(Map<String, Object> object) {
    object.put("parameters_after", sizes.parameters().after());
    object.put("bytes_after", sizes.bytes().after());
  }
}
