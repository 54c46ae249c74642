package io.github.wandacuda.model;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** What a decoder's blocks compute, but for the weights that they do it with. */
final class BlockKinds {
  private BlockKinds() {}

  /**
   * Returns a text for each block, the same for those that compute the same.
   *
   * @param stem what the names of a block's tensors begin with before its number
   */
  static List<String> of(DecoderDescription decoder, String stem) {
    return IntStream.range(0, decoder.shape().blocks())
        .mapToObj(
            block -> {
              StringBuilder kind = new StringBuilder();
              add(decoder.block().apply(block), stem + block + ".", kind);
              return kind.toString();
            })
        .toList();
  }

  /** Adds a part of a description; functions and tables by what they give first. */
  private static void add(Object part, String own, StringBuilder kind) {
    switch (part) {
      case String name -> kind.append(name.startsWith(own) ? name.substring(own.length()) : name);
      case List<?> list -> list.forEach(each -> add(each, own, kind));
      case IntFunction<?> experts -> add(experts.apply(0), own, kind);
      case PositionTable table -> kind.append(Arrays.toString(table.at(2, 2).data()));
      case Rotary rotary -> add(List.of(rotary.pairs(), rotary.cosines()), own, kind);
      case Record described -> {
        for (RecordComponent component : described.getClass().getRecordComponents()) {
          add(value(component, described), own, kind);
        }
      }
      case null, default -> kind.append(part);
    }
    kind.append(';');
  }

  private static Object value(RecordComponent component, Object of) {
    try {
      component.getAccessor().setAccessible(true);
      return component.getAccessor().invoke(of);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }
}
