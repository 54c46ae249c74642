package io.github.wandacuda;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaCall;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.properties.HasOwner;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel;
import java.nio.file.Files;

/** Holds the dependencies that the site's page of the architecture draws. */
@AnalyzeClasses(packages = "io.github.wandacuda", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
  private static final String ROOT = "io.github.wandacuda.";

  @ArchTest
  static final ArchRule LAYERS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("cli")
          .definedBy(ROOT + "cli..")
          .layer("pruning")
          .definedBy(ROOT + "pruning..")
          .layer("calibration")
          .definedBy(ROOT + "calibration..")
          .layer("model")
          .definedBy(ROOT + "model..")
          .layer("checkpoint")
          .definedBy(ROOT + "checkpoint..")
          .layer("text")
          .definedBy(ROOT + "text..")
          .layer("backend")
          .definedBy(ROOT + "backend")
          .layer("cpu")
          .definedBy(ROOT + "backend.cpu..")
          .layer("gpu")
          .definedBy(ROOT + "backend.gpu..")
          .layer("cuda")
          .definedBy(ROOT + "backend.cuda..")
          .layer("opencl")
          .definedBy(ROOT + "backend.opencl..")
          .layer("parallel")
          .definedBy(ROOT + "parallel..")
          .layer("tensor")
          .definedBy(ROOT + "tensor..")
          .layer("error")
          .definedBy(ROOT + "error..")
          .whereLayer("cli")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("cpu")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("cuda")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("opencl")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("gpu")
          .mayOnlyBeAccessedByLayers("cuda", "opencl")
          .whereLayer("pruning")
          .mayOnlyBeAccessedByLayers("cli")
          .whereLayer("calibration")
          .mayOnlyBeAccessedByLayers("pruning", "cli")
          .whereLayer("text")
          .mayOnlyBeAccessedByLayers("cli")
          .whereLayer("model")
          .mayOnlyBeAccessedByLayers("calibration", "pruning", "cli")
          .whereLayer("checkpoint")
          .mayOnlyBeAccessedByLayers("model", "calibration", "pruning", "cli")
          .whereLayer("backend")
          .mayOnlyBeAccessedByLayers(
              "cpu", "gpu", "cuda", "opencl", "model", "calibration", "pruning", "cli")
          .whereLayer("parallel")
          .mayOnlyBeAccessedByLayers("cpu", "pruning", "cli")
          .whereLayer("tensor")
          .mayOnlyBeAccessedByLayers(
              "backend",
              "cpu",
              "gpu",
              "cuda",
              "opencl",
              "checkpoint",
              "model",
              "calibration",
              "pruning",
              "cli");

  @ArchTest
  static final ArchRule PACKAGES_FORM_NO_CYCLES =
      slices().matching("io.github.wandacuda.(*)..").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule VECTOR_API_STAYS_WITH_THE_VECTOR_KERNELS =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "backend.cpu.vector..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("jdk.incubator.vector..");

  @ArchTest
  static final ArchRule COMMAND_LINE_LIBRARY_STAYS_IN_THE_COMMAND_LINE =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "cli..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("picocli..");

  /**
   * Stdout and stderr are reached through {@code PrintableStream} alone, which {@code Main} puts in
   * their place for logging too. The launcher runs before that, with nothing from a file to say;
   * the tokenizer's process speaks to this one, not to a terminal.
   */
  @ArchTest
  static final ArchRule STANDARD_STREAMS_ARE_PRINTED_TO_IN_ONE_PLACE =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "launcher..")
          .and()
          .doNotHaveFullyQualifiedName(ROOT + "cli.Main")
          .and()
          .doNotHaveFullyQualifiedName(ROOT + "text.TokenizerServer")
          .should()
          .accessField(System.class, "out")
          .orShould()
          .accessField(System.class, "err")
          .orShould()
          .accessField(FileDescriptor.class, "out")
          .orShould()
          .accessField(FileDescriptor.class, "err")
          .orShould()
          .callMethod(System.class, "setOut", PrintStream.class)
          .orShould()
          .callMethod(System.class, "setErr", PrintStream.class)
          .orShould()
          .callMethod(Throwable.class, "printStackTrace");

  /** What prints, prints lines: bytes, and streams of other kinds, would go round the escapes. */
  @ArchTest
  static final ArchRule PRINTERS_ARE_PRINTABLE_STREAMS =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT + "launcher..")
          .and()
          .doNotHaveFullyQualifiedName(ROOT + "cli.PrintableStream")
          .should()
          .callConstructorWhere(
              JavaCall.Predicates.target(
                  HasOwner.Predicates.With.owner(
                      JavaClass.Predicates.type(PrintStream.class)
                          .or(JavaClass.Predicates.type(PrintWriter.class)))));

  /**
   * Files of the system and those that only this program makes, which it opens itself; and {@code
   * StandIn}, which looks at a file that was refused, if it is a regular one.
   */
  private static final String OWN_FILES =
      "StandIn|CpuInfo|ProgramCache|Room|MemoryWatch|Journal|MaskDigest|StateFiles|AtomicWrite|ShardWriter"
          + "|WrittenShard|ReservedFile|Folders|Gunzip";

  private static final DescribedPredicate<JavaCall<?>> READS =
      DescribedPredicate.describe(
          "open files to read them",
          call ->
              (call.getTargetOwner().isEquivalentTo(Files.class)
                      && call.getName()
                          .matches(
                              "new(InputStream|ByteChannel|BufferedReader)"
                                  + "|read(AllBytes|String|AllLines)|lines"))
                  || (call.getTargetOwner().isEquivalentTo(FileChannel.class)
                      && call.getName().equals("open"))
                  || call.getTargetOwner().isAssignableTo(FileInputStream.class)
                  || call.getTargetOwner().isAssignableTo(RandomAccessFile.class));

  /** A file that isn't regular makes whoever opens it wait for ever. */
  @ArchTest
  static final ArchRule FILES_ARE_OPENED_IN_ONE_PLACE =
      noClasses()
          .that()
          .resideOutsideOfPackages(ROOT + "input..", ROOT + "launcher..")
          .and()
          .haveNameNotMatching(".*\\.(" + OWN_FILES + ")")
          .should()
          .callCodeUnitWhere(READS);
}
