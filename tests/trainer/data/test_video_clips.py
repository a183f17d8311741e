import av
import imageio.v3 as iio
import numpy as np
import pytest
import torch

from trainer.data.pts import write_pts
from trainer.data.video_clips import VideoClips
from trainer.data.video_sets import VideoSetError, find_annotated_videos

RING = np.linspace(0, 2 * np.pi, 7, endpoint=False)
SHAPE = 20 * np.stack([np.cos(RING), np.sin(RING)], axis=-1).astype(np.float32)


def centre_at(frame):
    return np.array([60 + 2 * frame, 50], np.float32)


def picture(frame):
    """A grey level per frame, and a white dot on the face's first landmark."""
    image = np.full((100, 140, 3), 10 * frame, np.uint8)
    x, y = (centre_at(frame) + SHAPE[0]).round().astype(int)
    image[y - 1 : y + 2, x - 1 : x + 2] = 255
    return image


def annotate(folder, frames):
    (folder / "annot").mkdir(parents=True)
    for frame in frames:
        write_pts(folder / "annot" / f"{frame + 1:06d}.pts", SHAPE + centre_at(frame))


def film(path, frames):
    with av.open(path, "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 140, 100, "bgr0"
        for frame in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(frame), "rgb24")))
        container.mux(stream.encode())


def test_a_video_file_gives_the_annotated_frames_exactly(tmp_path):
    annotate(tmp_path / "001", [2, 5, 6])
    film(tmp_path / "001" / "vid.mkv", 8)
    (video,) = find_annotated_videos(tmp_path)
    assert (video.name, video.identity) == ("001", "001")
    got = dict(video.frames([2, 6]))
    assert sorted(got) == [2, 6]
    assert np.array_equal(got[6], picture(6))
    assert np.allclose(video.landmarks(6, 7), SHAPE + centre_at(6), atol=2e-3)


def test_numbered_pictures_pair_by_number_and_persons_folders_are_identities(tmp_path):
    folder = tmp_path / "Ann" / "holiday"
    annotate(folder, [4, 6])
    (folder / "imgs").mkdir()
    for frame in (4, 5, 6):
        iio.imwrite(folder / "imgs" / f"{frame + 1:06d}.png", picture(frame))
    (video,) = find_annotated_videos(tmp_path)
    assert video.identity == "Ann"
    ((number, image),) = video.frames([6])
    assert number == 6
    assert np.array_equal(image, picture(6))


def test_only_unbroken_stretches_become_clips(tmp_path):
    annotate(tmp_path / "001", [0, 1, 2, 4, 5, 6, 7])
    film(tmp_path / "001" / "vid.mkv", 8)
    (video,) = find_annotated_videos(tmp_path)
    assert video.runs(3) == [0, 4, 5]


def test_clips_hold_successive_frames_with_the_landmarks_on_the_face(tmp_path):
    for name in ("Ann", "Bob", "Cyd"):
        annotate(tmp_path / name / "1", range(6))
        film(tmp_path / name / "1" / "vid.mkv", 6)
    clips = VideoClips([tmp_path], 7, 3, 2, cache=tmp_path / "clips.npy", people=["Bob", "Zoe"])
    assert clips.n_clips == 6
    assert clips.people == ["Bob", "Zoe", "Ann", "Cyd"]
    batch = clips.draw(3, 0, 0)
    assert batch.crops.shape == (3, 3, 3, 128, 128)
    assert sorted(batch.identities.tolist()) == [0, 2, 3]
    for t in range(3):
        for clip in range(3):
            x, y = batch.landmarks[t, clip, [0, 3]].round().long().unbind(-1)
            brightest = max(batch.crops[t, clip, 0, v, u] for u, v in zip(x, y, strict=True))
            assert brightest > 150  # the dot is on landmark 0, or its mirror image on 3
    light = batch.crops[:, 0, 0, 2, 2]
    assert torch.allclose(light[1:] - light[:-1], torch.tensor(10.0), atol=1.5)
    again = clips.draw(3, 0, 0)
    assert torch.equal(batch.crops, again.crops)
    assert torch.equal(batch.reversed().crops[0], batch.crops[2])


def test_a_set_without_long_enough_stretches_says_what_to_do(tmp_path):
    annotate(tmp_path / "001", [0, 1])
    film(tmp_path / "001" / "vid.mkv", 3)
    with pytest.raises(VideoSetError, match="--clips-from-stills"):
        VideoClips([tmp_path], 7, 10, 5, cache=tmp_path / "clips.npy")


def test_annotation_of_a_longer_video_is_noticed(tmp_path):
    annotate(tmp_path / "001", [0, 9])
    film(tmp_path / "001" / "vid.mkv", 3)
    (video,) = find_annotated_videos(tmp_path)
    with pytest.raises(VideoSetError, match="names frame 10"):
        list(video.frames([9]))


def test_annotation_without_video_is_noticed(tmp_path):
    annotate(tmp_path / "001", [0])
    with pytest.raises(VideoSetError, match="neither"):
        find_annotated_videos(tmp_path)


def test_a_folder_without_annotation_is_noticed(tmp_path):
    with pytest.raises(VideoSetError, match="300-VW"):
        find_annotated_videos(tmp_path)


@pytest.mark.real_data
def test_the_published_layout_opens(data_dir):
    videos = find_annotated_videos(data_dir / "300vw_sample")
    assert [(video.name, sorted(video.annotations)) for video in videos] == [
        ("001", [5, 8]),
        ("401", [730, 731]),
    ]
    for video in videos:
        for number, image in video.frames(sorted(video.annotations)):
            landmarks = video.landmarks(number, 68)
            assert (landmarks > 0).all()
            assert (landmarks < image.shape[1::-1]).all()
