package io.github.wandacuda.testing.backend;

import io.github.wandacuda.testing.Tier;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import jdk.incubator.vector.VectorShape;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.ArgumentsProvider;
import org.junit.jupiter.params.support.AnnotationConsumer;
import org.junit.jupiter.params.support.ParameterDeclarations;

/** The backends that this run of the tests is for, each opened when a test first needs it. */
public final class TestedBackends implements ArgumentsProvider, AnnotationConsumer<EachBackend> {
  private List<TestedBackend> variants;

  @Override
  public void accept(EachBackend annotation) {
    variants = List.of(annotation.variants());
  }

  @Override
  public Stream<? extends Arguments> provideArguments(
      ParameterDeclarations parameters, ExtensionContext context) {
    return chosen()
        .filter(backend -> !backend.isVariant() || Tier.isAll() && variants.contains(backend))
        .map(backend -> Arguments.of(new OpenedBackend(backend)));
  }

  /**
   * Returns those that the property {@code tested.backends} says, variants included; of the widths
   * of vectors the processor's own, or all.
   */
  public static Stream<TestedBackend> chosen() {
    String chosen = System.getProperty("tested.backends", "cpu gpu");
    return Arrays.stream(TestedBackend.values())
        .filter(backend -> backend.isNamedIn(chosen))
        .filter(
            backend ->
                Tier.isAll()
                    || backend.shape() == null
                    || backend.shape() == VectorShape.preferredShape());
  }
}
