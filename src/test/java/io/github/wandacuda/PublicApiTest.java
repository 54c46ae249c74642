package io.github.wandacuda;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaCodeUnit;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.domain.JavaMember;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaType;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The two packages for programs show nothing but the JDK's types and each other's. */
@AnalyzeClasses(packages = "io.github.wandacuda", importOptions = DoNotIncludeTests.class)
class PublicApiTest {
  /** What works on models in directories reads texts, tokenizers and records, by more libraries. */
  private static final List<String> OF_DIRECTORIES =
      Stream.of(
              "ModelPruner ModelJobs ModelDownload PartRemoval PruningClaim SampleSource TextSource"
                  + " MethodComparison TextGeneration")
          .flatMap(names -> Stream.of(names.split(" ")))
          .map("io.github.wandacuda.library."::concat)
          .toList();

  private static final Set<String> EXPORTED =
      Set.of("io.github.wandacuda", "io.github.wandacuda.library");

  @ArchTest
  static final ArchRule SIGNATURES_ARE_CLOSED =
      classes()
          .that()
          .resideInAnyPackage(EXPORTED.toArray(String[]::new))
          .and()
          .arePublic()
          .should(new ShowOnly());

  /**
   * Programs that embed the library need jackson-core and slf4j-api beside it and the JDK, whose
   * module jdk.management says how much memory there is, and no more. What works on a directory
   * reaches readers of all the formats that a program may use with it, which are loaded with the
   * first such file: {@code src/embedding/outside} runs it with what the library brings alone.
   */
  @ArchTest
  static void whatTheLibraryNeedsIsLittle(JavaClasses classes) {
    Set<JavaClass> reached = new HashSet<>();
    Deque<JavaClass> open = new ArrayDeque<>();
    classes.stream()
        .filter(type -> EXPORTED.contains(type.getPackageName()))
        .filter(type -> OF_DIRECTORIES.stream().noneMatch(type.getName()::startsWith))
        .forEach(open::add);
    Set<String> foreign = new TreeSet<>();
    while (!open.isEmpty()) {
      JavaClass type = open.pop();
      if (!reached.add(type)) {
        continue;
      }
      for (Dependency dependency : type.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        String name = target.getPackageName();
        if (name.startsWith("io.github.wandacuda")) {
          open.add(target);
        } else if (!target.isPrimitive() && !name.startsWith("java.")) {
          foreign.add(name);
        }
      }
    }
    assertThat(foreign)
        .contains("com.fasterxml.jackson.core")
        .allMatch(
            name ->
                name.matches(
                    "com\\.fasterxml\\.jackson\\.core(\\..*)?|org\\.slf4j|com\\.sun\\.management"));
  }

  private static final class ShowOnly extends ArchCondition<JavaClass> {
    ShowOnly() {
      super("show only types of the JDK and of the packages for programs");
    }

    @Override
    public void check(JavaClass type, ConditionEvents events) {
      Stream.concat(
              Stream.concat(type.getSuperclass().stream(), type.getInterfaces().stream())
                  .flatMap(parent -> parent.getAllInvolvedRawTypes().stream()),
              type.getMembers().stream().filter(ShowOnly::isShown).flatMap(ShowOnly::types))
          .map(JavaClass::getBaseComponentType)
          .filter(shown -> !isAllowed(shown))
          .forEach(
              shown ->
                  events.add(
                      SimpleConditionEvent.violated(
                          type, "%s shows %s".formatted(type.getName(), shown.getName()))));
    }

    private static boolean isShown(JavaMember member) {
      return member.getModifiers().contains(JavaModifier.PUBLIC)
          || member.getModifiers().contains(JavaModifier.PROTECTED);
    }

    private static Stream<JavaClass> types(JavaMember member) {
      if (member instanceof JavaField field) {
        return field.getAllInvolvedRawTypes().stream();
      }
      JavaCodeUnit unit = (JavaCodeUnit) member;
      Stream<JavaType> declared =
          Stream.concat(Stream.of(unit.getReturnType()), unit.getParameterTypes().stream());
      return Stream.concat(
          declared.flatMap(type -> type.getAllInvolvedRawTypes().stream()),
          unit.getThrowsClause().getTypes().stream().map(JavaType::toErasure));
    }

    private static boolean isAllowed(JavaClass shown) {
      return shown.isPrimitive()
          || shown.getPackageName().startsWith("java.")
          || EXPORTED.contains(shown.getPackageName())
              && shown.getModifiers().contains(JavaModifier.PUBLIC);
    }
  }
}
