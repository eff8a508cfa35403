"""The matting Laplacian's stencil against a sparse matrix of scipy, and what any matting Laplacian does."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.laplacian import drawn_content, scipy_laplacian
from stylecore.errors import PictureError
from stylecore.objective import matting_laplacian as laplacian
from stylecore.objective.matting_laplacian import apply_stencil, matting_stencil, photorealism_loss

SIZE = 24


def content_named(name: str) -> Tensor:
    """A content of 1 x 3 x 24 x 24: noise, smooth with edges, the same in grey or in 8 bits, or flat."""
    if name == "random":
        return torch.rand(1, 3, SIZE, SIZE)
    drawn = torch.from_numpy(drawn_content(SIZE)).movedim(-1, 0)[None].contiguous()
    return {
        "drawn": drawn,
        "grey": drawn.mean(1, keepdim=True).repeat(1, 3, 1, 1),
        "8 bits": (drawn * 255).round() / 255,
        "flat": torch.full_like(drawn, 0.5),
    }[name]


def pixels(picture_13HW: Tensor) -> np.ndarray:
    """One picture as scipy multiplies it: N x 3 in float64."""
    return picture_13HW[0].flatten(1).T.double().numpy()


def quadratic(stencil: Tensor, left: Tensor, right: Tensor) -> float:
    """U^T L V in float64."""
    return (left.double() * apply_stencil(stencil, right.double())).sum().item()


def test_reference_is_the_equation() -> None:
    """The scipy reference equals the paper's equation, written as loops over windows and pixels."""
    content = np.random.default_rng(0).random((4, 5, 3))
    wanted = np.zeros((20, 20))
    for top, left in itertools.product(range(2), range(3)):
        window = [(row, column) for row in range(top, top + 3) for column in range(left, left + 3)]
        colours = np.array([content[place] for place in window])
        mean, covariance = colours.mean(0), np.cov(colours.T, bias=True)
        inverse = np.linalg.inv(covariance + 1e-7 / 9 * np.eye(3))
        for i, j in itertools.product(window, window):
            fit = 1 + (content[i] - mean) @ inverse @ (content[j] - mean)
            wanted[i[0] * 5 + i[1], j[0] * 5 + j[1]] += (i == j) - fit / 9
    np.testing.assert_allclose(scipy_laplacian(content).toarray(), wanted, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["random", "drawn", "grey", "8 bits", "flat"])
@pytest.mark.parametrize("strip", [1 << 14, 3 * SIZE])
def test_equals_scipy(name: str, strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """L V in float32 equals scipy's to 1e-6, whether the windows are worked on at once or in strips."""
    monkeypatch.setattr(laplacian, "STRIP", strip)
    content, picture = content_named(name), torch.rand(1, 3, SIZE, SIZE)
    wanted = scipy_laplacian(content[0].movedim(0, -1).numpy()) @ pixels(picture)
    found = apply_stencil(matting_stencil(content), picture)
    assert found.dtype == torch.float32
    assert abs(pixels(found) - wanted).max() <= 1e-6 * abs(wanted).max()


def test_entries() -> None:
    """Plane k holds at pixel i the entry (i, i + OFFSETS[k]), and 0 where that is outside the picture."""
    content = torch.rand(1, 3, 5, 4)
    matrix = scipy_laplacian(content[0].movedim(0, -1).numpy()).toarray().reshape(5, 4, 5, 4)
    stencil = matting_stencil(content)
    assert stencil.shape == (1, 13, 5, 4) and stencil.dtype == torch.float32
    for plane, (down, right) in enumerate(laplacian.OFFSETS):
        for row, column in np.ndindex(5, 4):
            inside = row + down < 5 and 0 <= column + right < 4
            wanted = matrix[row, column, row + down, column + right] if inside else 0.0
            assert stencil[0, plane, row, column].item() == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("size", [(3, 3), (3, 7), (6, 3)])
def test_smallest_pictures(size: tuple[int, int]) -> None:
    """Pictures of a single row or column of windows work too."""
    content, picture = torch.rand(1, 3, *size), torch.rand(1, 3, *size)
    wanted = scipy_laplacian(content[0].movedim(0, -1).numpy()) @ pixels(picture)
    np.testing.assert_allclose(pixels(apply_stencil(matting_stencil(content), picture)), wanted, atol=3e-6)


@pytest.mark.parametrize("name", ["random", "drawn", "grey", "flat"])
def test_affine_pictures_are_free(name: str) -> None:
    """A picture affine in the content's colours costs a millionth of what noise costs."""
    content = content_named(name)
    red, green, blue = content.split(1, dim=1)
    planes = [torch.full_like(red, 0.7), 0.3 * red - 0.2 * green + 0.4 * blue + 0.1, 1 - 0.5 * green]
    stencil = matting_stencil(content)
    noise = photorealism_loss(torch.rand_like(content), stencil).item()
    assert abs(photorealism_loss(torch.cat(planes, 1), stencil).item()) < 1e-6 * noise


@pytest.mark.parametrize("name", ["random", "drawn", "grey", "flat"])
def test_never_negative(name: str) -> None:
    """V^T L V >= 0 for any V, also where values are of either sign."""
    stencil = matting_stencil(content_named(name))
    for _ in range(5):
        assert photorealism_loss(torch.randn(1, 3, SIZE, SIZE), stencil).item() >= 0


def test_symmetric() -> None:
    """U^T L V = V^T L U."""
    stencil, left, right = matting_stencil(content_named("drawn")), *torch.randn(2, 1, 3, SIZE, SIZE)
    assert quadratic(stencil, left, right) == pytest.approx(quadratic(stencil, right, left), rel=1e-12)


def test_gradient() -> None:
    """The loss's gradient is that of finite differences in float64, and equals 2 L V."""
    stencil = matting_stencil(torch.rand(2, 3, 4, 5))
    picture = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: photorealism_loss(p, stencil), picture)
    (gradient,) = torch.autograd.grad(photorealism_loss(picture, stencil).sum(), picture)
    torch.testing.assert_close(gradient, 2 * apply_stencil(stencil, picture))


def test_batch_equals_single_runs() -> None:
    """Stencil, product and loss of two pairs are those of each pair alone."""
    content, picture = (
        torch.cat([content_named("drawn"), content_named("random")]),
        torch.rand(2, 3, SIZE, SIZE),
    )
    stencil = matting_stencil(content)
    product, loss = apply_stencil(stencil, picture), photorealism_loss(picture, stencil)
    for pair in range(2):
        alone = matting_stencil(content[pair : pair + 1])
        assert torch.equal(alone[0], stencil[pair])
        assert torch.equal(apply_stencil(alone, picture[pair : pair + 1])[0], product[pair])
        torch.testing.assert_close(photorealism_loss(picture[pair : pair + 1], alone)[0], loss[pair])


def test_flat_content() -> None:
    """A content of one colour gives finite values: what it asks for is a result as flat."""
    stencil = matting_stencil(content_named("flat"))
    assert stencil.isfinite().all()
    assert photorealism_loss(torch.rand(1, 3, SIZE, SIZE), stencil).item() > 1


def test_inputs_are_left_alone() -> None:
    """Neither content nor picture is changed, channels-last and half precision included."""
    content, picture = content_named("drawn"), torch.rand(1, 3, SIZE, SIZE)
    contents, pictures = content.clone(), picture.clone()
    stencil = matting_stencil(content)
    product = apply_stencil(stencil, picture)
    last = picture.to(memory_format=torch.channels_last)
    torch.testing.assert_close(apply_stencil(stencil, last), product)
    half = apply_stencil(stencil, picture.bfloat16())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, apply_stencil(stencil, picture.bfloat16().float()))
    assert torch.equal(content, contents) and torch.equal(picture, pictures)


@pytest.mark.parametrize("shape", [(1, 3, 2, 8), (1, 3, 8, 2), (1, 1, 8, 8), (3, 8, 8)])
def test_too_small_is_refused(shape: tuple[int, ...]) -> None:
    """A content without a 3 x 3 window, or of another shape, is refused with what to do."""
    with pytest.raises(PictureError, match="at least 3 x 3 px: give a larger content, or set the weight"):
        matting_stencil(torch.rand(shape))


def test_other_size_is_refused() -> None:
    """A picture of another size than the stencil's is refused with what to do."""
    stencil = matting_stencil(torch.rand(1, 3, 4, 5))
    with pytest.raises(PictureError, match="of 4 x 5 px: build it from the content at this size"):
        photorealism_loss(torch.rand(1, 3, 5, 5), stencil)
